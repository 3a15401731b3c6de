/**
 * Asks for an explanation when it is opened, and puts it where it was opened. Without it, a link there
 * leads to a page of its own.
 */

const PART = 'X-Whyalike-Part';
const LATER = 'The server is busy: close this and open it again.';
const GONE = 'The server does not answer: follow the link, or open this again.';

/**
 * What is asked: the address, or the fields of a form with those of its button.
 * @param {HTMLDetailsElement} details
 */
function ask(details) {
  const headers = { Accept: 'text/html', [PART]: 'result' };
  const link = /** @type {HTMLAnchorElement | null} */ (details.querySelector('p > a[href]'));
  if (link) return fetch(link.href, { headers });
  const button = /** @type {HTMLButtonElement} */ (details.querySelector('button[form]'));
  const form = /** @type {HTMLFormElement} */ (button.form);
  const body = new URLSearchParams(/** @type {any} */ (new FormData(form, button)));
  return fetch(form.action, { method: 'POST', body, headers });
}

/** @param {HTMLElement} place @param {string} text */
function say(place, text) {
  place.className = 'wa-note';
  place.setAttribute('role', 'status');
  place.textContent = text;
}

/** @param {Event} event */
async function open(event) {
  const details = /** @type {HTMLDetailsElement} */ (event.target);
  if (!details.open || details.dataset.opens === undefined || details.dataset.state) return;
  details.dataset.state = 'asked';
  let place = /** @type {HTMLElement | null} */ (details.querySelector(':scope > .ex-opened'));
  if (!place) {
    place = document.createElement('div');
    details.append(place);
  }
  say(place, 'Asking …');
  place.classList.add('ex-opened');
  try {
    const answer = await ask(details);
    // Markup of our own server, which escapes all texts; also where it says what went wrong.
    if (answer.headers.get(PART) !== 'result') throw new Error();
    const markup = await answer.text();
    if (answer.status === 503) {
      say(place, LATER);
    } else {
      place.removeAttribute('role');
      place.innerHTML = markup;
      wake();
    }
    if (answer.ok) details.dataset.state = 'shown';
    else delete details.dataset.state;
  } catch {
    say(place, GONE);
    delete details.dataset.state;
  }
  place.classList.add('ex-opened');
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

// This event does not rise.
document.addEventListener('toggle', open, true);
