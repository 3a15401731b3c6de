/**
 * Answers while one types: sends the form some time after the last change, drops what is stale,
 * says what goes on, and keeps the address in step. Without it, the form is sent by its button.
 */

const form = /** @type {HTMLFormElement | null} */ (document.querySelector('form[data-live]'));
const target = /** @type {HTMLElement} */ (document.getElementById('result'));
const status = /** @type {HTMLElement} */ (document.getElementById('status'));

const TYPING = 450;
const SLIDING = 120;
const SOON_SAID = 300;
const LONG_SAID = 4000;
const LONGEST_LINK = 6000;
const MOST_TRIES = 6;
const BUSY = 503;

/** @type {AbortController | null} */
let running = null;
let timer = 0;
let last = '';

/**
 * What is asked, without what is empty.
 * @param {HTMLFormElement} asked
 */
function question(asked) {
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(asked)) {
    if (typeof value === 'string' && value !== '') fields.append(name, value);
  }
  return fields;
}

/**
 * The page's own address with the question, for the address bar and to be shared.
 * @param {HTMLFormElement} asked
 */
function permalink(asked) {
  const url = new URL(asked.action);
  url.search = question(asked).toString();
  return url.href;
}

/** @param {string} text @param {boolean} [working] */
function say(text, working = false) {
  const shown = document.createElement('span');
  shown.textContent = text;
  const bar = document.createElement('span');
  bar.className = 'ex-progress';
  bar.setAttribute('aria-hidden', 'true');
  status.replaceChildren(...(working ? [bar, shown] : [shown]));
}

/** @param {number} seconds @param {AbortSignal} signal */
const pause = (seconds, signal) =>
  new Promise((resolve, reject) => {
    const wait = setTimeout(resolve, 1000 * seconds);
    signal.addEventListener('abort', () => {
      clearTimeout(wait);
      reject(signal.reason);
    });
  });

/**
 * Asks until the server has room.
 * @param {HTMLFormElement} asked
 * @param {URLSearchParams} body
 * @param {AbortSignal} signal
 */
async function ask(asked, body, signal) {
  for (let tries = 1; ; tries += 1) {
    const answer = await fetch(asked.action, {
      method: 'POST',
      body,
      headers: { Accept: 'text/html', 'X-Whyalike-Part': 'result' },
      signal,
    });
    if (answer.status !== BUSY || tries === MOST_TRIES) return answer;
    const seconds = Number(answer.headers.get('retry-after')) || 1;
    say(`The server is busy; trying again in ${seconds} s.`, true);
    await pause(seconds, signal);
  }
}

/** What came is markup of our own server, which escapes all texts. @param {string} markup */
function show(markup) {
  target.innerHTML = markup;
  const root = /** @type {HTMLElement | null} */ (target.querySelector('[data-said]'));
  say(root?.dataset.said ?? '');
  setSlider(root);
  wake();
}

/**
 * Lets the renderer's script set up what is new: it runs each time that it is put into the page.
 */
function wake() {
  const old = /** @type {HTMLScriptElement | null} */ (document.querySelector('script[data-view]'));
  if (!old) return;
  const again = document.createElement('script');
  again.src = old.src;
  again.dataset.view = '';
  old.replaceWith(again);
}

/** Fits the slider to what can be chosen. @param {HTMLElement | null} root */
function setSlider(root) {
  const slider = /** @type {HTMLInputElement | null} */ (document.getElementById('top_k'));
  const frame = document.getElementById('top-frame');
  if (!slider || !frame) return;
  const most = Number(root?.dataset.clusters ?? 0);
  frame.hidden = most < 2;
  if (most < 2) return;
  slider.max = String(Math.max(most, Number(slider.value)));
  const said = /** @type {HTMLElement} */ (document.getElementById('top-said'));
  said.textContent = root?.dataset.shown ?? '';
}

/** @param {string} title @param {string} reason */
function fail(title, reason) {
  const state = document.createElement('div');
  state.className = 'ex-state ex-failed';
  const head = document.createElement('h2');
  head.textContent = title;
  const text = document.createElement('p');
  text.textContent = reason;
  const again = document.createElement('button');
  again.type = 'button';
  again.className = 'ex-small';
  again.textContent = 'Try again';
  again.addEventListener('click', () => run(true));
  state.append(head, text, again);
  target.replaceChildren(state);
  say('');
}

/** @param {HTMLFormElement} asked @param {URLSearchParams} body */
function keepAddress(asked, body) {
  const url = body.size ? permalink(asked) : asked.action;
  history.replaceState(null, '', url.length <= LONGEST_LINK ? url : asked.action);
}

/** Asks now, unless just this was asked. @param {boolean} [again] */
async function run(again = false) {
  if (!form) return;
  clearTimeout(timer);
  const body = question(form);
  if (!again && body.toString() === last) return;
  last = body.toString();
  running?.abort();
  const mine = (running = new AbortController());
  const soon = setTimeout(() => say('Asking the model …', true), SOON_SAID);
  const long = setTimeout(() => say('Still asking; the first time takes longest.', true), LONG_SAID);
  target.setAttribute('aria-busy', 'true');
  try {
    const answer = await ask(form, body, mine.signal);
    const markup = await answer.text();
    if (mine.signal.aborted) return;
    const isOurs = answer.headers.get('x-whyalike-part') === 'result';
    clearTimeout(soon);
    clearTimeout(long);
    if (isOurs) show(markup);
    else fail('That did not work', `The server answered ${answer.status}.`);
    keepAddress(form, body);
  } catch (error) {
    if (mine.signal.aborted) return;
    clearTimeout(soon);
    fail('The server does not answer', 'Is whyalike serve still running? What you typed is kept.');
  } finally {
    clearTimeout(soon);
    clearTimeout(long);
    if (running === mine) target.removeAttribute('aria-busy');
  }
}

/** @param {number} wait */
function later(wait) {
  clearTimeout(timer);
  timer = setTimeout(run, wait);
}

/** Says how long a text is when it comes near the limit. @param {HTMLTextAreaElement} box */
function count(box) {
  const shown = document.getElementById(`${box.id}-count`);
  if (!shown) return;
  const limit = Number(box.dataset.limit ?? 0);
  const length = [...box.value].length;
  const [said, most] = [length, limit].map((number) => number.toLocaleString('en'));
  shown.textContent = limit && length > 0.8 * limit ? `${said} of ${most} characters` : '';
  shown.classList.toggle('ex-over', limit > 0 && length > limit);
}

if (form) {
  last = question(form).toString();
  form.addEventListener('input', (event) => {
    const field = /** @type {HTMLInputElement} */ (event.target);
    if (field instanceof HTMLTextAreaElement) count(field);
    if (/** @type {InputEvent} */ (event).isComposing) return;
    if (field.type === 'range') later(SLIDING);
    else if (field.matches('textarea, input:not([type="checkbox"])')) later(TYPING);
    else later(0);
  });
  form.addEventListener('compositionend', () => later(TYPING));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    run(true);
  });
  for (const box of form.querySelectorAll('textarea')) count(box);
  setSlider(target.querySelector('[data-said]'));
}

// A menu closes when the focus or a click goes elsewhere, and by Escape.
const menus = document.querySelectorAll('details.ex-menu');
for (const menu of /** @type {NodeListOf<HTMLDetailsElement>} */ (menus)) {
  document.addEventListener('pointerdown', (event) => {
    if (!menu.contains(/** @type {Node} */ (event.target))) menu.open = false;
  });
  menu.addEventListener('focusout', (event) => {
    const next = /** @type {Node | null} */ (event.relatedTarget);
    if (next && !menu.contains(next)) menu.open = false;
  });
  menu.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    menu.open = false;
    menu.querySelector('summary')?.focus();
  });
}
