/**
 * Keeps what is typed in this tab, so that it is there when the page is loaded anew or one comes back
 * from another page. It is sent nowhere, and forgotten with the tab, by a button, or at the logout.
 */

const KEPT = 'whyalike:texts';
/** What begins so is of these pages: texts, and what was tried with them. */
const OURS = 'whyalike:';
const LOGOUT = '/logout';

const form = /** @type {HTMLFormElement | null} */ (document.querySelector('form[data-live]'));
const here = location.pathname;

/** @returns {Record<string, Record<string, string>>} */
function kept() {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEPT) ?? '{}');
    return found && typeof found === 'object' ? found : {};
  } catch {
    return {};
  }
}

/** @param {HTMLFormElement} asked */
const boxesOf = (asked) => [...asked.querySelectorAll('textarea')];

/** What is typed and chosen, by the names of the fields. @param {HTMLFormElement} asked */
function read(asked) {
  /** @type {Record<string, string>} */
  const fields = {};
  for (const field of [...boxesOf(asked), ...asked.querySelectorAll('select')]) {
    if (field.name && field.value) fields[field.name] = field.value;
  }
  return fields;
}

/** @param {HTMLFormElement} asked */
const isEmpty = (asked) => boxesOf(asked).every((box) => !box.value);

/** @param {HTMLFormElement} asked */
function keep(asked) {
  const all = kept();
  if (isEmpty(asked)) delete all[here];
  else all[here] = read(asked);
  try {
    if (Object.keys(all).length) sessionStorage.setItem(KEPT, JSON.stringify(all));
    else sessionStorage.removeItem(KEPT);
  } catch {
    // There is no room: the texts stay in this page.
  }
}

/** Puts back what was typed here, and asks it. @param {HTMLFormElement} asked */
function restore(asked) {
  const fields = kept()[here];
  if (!fields || location.search || !isEmpty(asked)) return;
  // Who goes back to a page before anything was asked there sees it so.
  const [entry] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType('navigation'));
  if (entry?.type === 'back_forward' && !history.state) return;
  for (const box of boxesOf(asked)) box.value = fields[box.name] ?? '';
  if (isEmpty(asked)) return;
  for (const menu of asked.querySelectorAll('select')) {
    const offered = [...menu.options].some((option) => option.value === fields[menu.name]);
    if (!offered || menu.value === fields[menu.name]) continue;
    menu.value = fields[menu.name];
    // Another model brings its own methods.
    if (menu.matches('[data-renews]')) menu.dispatchEvent(new Event('input', { bubbles: true }));
  }
  document.dispatchEvent(new CustomEvent('whyalike:ask'));
}

function forgetAll() {
  for (const name of Object.keys(sessionStorage)) {
    if (name.startsWith(OURS)) sessionStorage.removeItem(name);
  }
}

/** A button that empties the boxes. @param {HTMLFormElement} asked */
function addButton(asked) {
  const place = document.createElement('p');
  place.className = 'ex-clear';
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'ex-small';
  button.textContent = 'Clear the texts';
  const note = document.createElement('span');
  note.textContent = 'They are kept in this tab.';
  place.append(note, button);
  const update = () => {
    place.hidden = isEmpty(asked);
  };
  button.addEventListener('click', () => {
    for (const box of boxesOf(asked)) {
      box.value = '';
      box.dispatchEvent(new Event('input', { bubbles: true }));
    }
    forgetAll();
    update();
    boxesOf(asked)[0]?.focus();
    document.dispatchEvent(new CustomEvent('whyalike:cleared'));
    document.dispatchEvent(new CustomEvent('whyalike:ask'));
  });
  // Behind the menus, so that Tab leads from the texts to them.
  asked.append(place);
  update();
  asked.addEventListener('input', update);
  document.addEventListener('whyalike:answered', update);
}

document.addEventListener('submit', (event) => {
  const sent = /** @type {HTMLFormElement} */ (event.target);
  if (new URL(sent.action, location.href).pathname === LOGOUT) forgetAll();
});

if (form && boxesOf(form).length) {
  addButton(form);
  form.addEventListener('input', () => keep(form));
  document.addEventListener('whyalike:answered', () => keep(form));
  // After the browser has put back what it remembers itself.
  addEventListener('pageshow', (event) => {
    if (event.persisted) return;
    restore(form);
    if (!isEmpty(form)) keep(form);
  });
}
