/**
 * Opens a row's explanation below it. Without it, the row's number leads to a page of its own.
 */

const PART = 'X-Whyalike-Part';

/** @param {HTMLAnchorElement} link */
async function open(link) {
  const row = /** @type {HTMLTableRowElement} */ (link.closest('tr'));
  if (link.getAttribute('aria-expanded') === 'true') {
    row.nextElementSibling?.remove();
    link.setAttribute('aria-expanded', 'false');
    return;
  }
  link.setAttribute('aria-expanded', 'true');
  const below = document.createElement('tr');
  below.className = 'ex-below';
  const cell = document.createElement('td');
  cell.colSpan = [...row.cells].reduce((sum, one) => sum + one.colSpan, 0);
  const place = document.createElement('div');
  place.className = 'ex-opened';
  place.setAttribute('role', 'status');
  place.textContent = 'Asking …';
  cell.append(place);
  below.append(cell);
  row.after(below);
  try {
    const answer = await fetch(link.href, { headers: { Accept: 'text/html', [PART]: 'result' } });
    if (answer.headers.get(PART) !== 'result') throw new Error();
    // Markup of our own server, which escapes all texts.
    place.innerHTML = await answer.text();
    place.removeAttribute('role');
    wake();
  } catch {
    place.textContent = 'The server does not answer: close this and open it again.';
  }
}

/** Lets the renderer's script set up what is new: it runs each time that it is put into the page. */
function wake() {
  const old = /** @type {HTMLScriptElement | null} */ (document.querySelector('script[data-view]'));
  if (!old) return;
  const again = document.createElement('script');
  again.src = old.src;
  again.dataset.view = '';
  old.replaceWith(again);
}

document.addEventListener('click', (event) => {
  const link = /** @type {HTMLAnchorElement | null} */ (
    /** @type {Element} */ (event.target).closest('a[data-row]')
  );
  const { ctrlKey, metaKey, shiftKey, button } = /** @type {MouseEvent} */ (event);
  if (!link || ctrlKey || metaKey || shiftKey || button) return;
  event.preventDefault();
  open(link);
});
