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
const PART = 'X-Whyalike-Part';
/** The name of a question, by which the server says how far it is. */
const ASK = 'X-Whyalike-Ask';
/** Fields of one question only, and no part of its address. */
const ONCE = ['edit', 'with', 'sure'];
const BUSY = 503;
const BROKEN = 500;
/** What is said where no page of ours says it. @type {Record<number, string>} */
const SENTENCES = {
  401: 'This server asks for its token again: load the page anew to log in.',
  403: 'The server takes this for a page of another site: load the page anew.',
  413: 'This is far longer than the server reads: shorten it.',
};

/** @type {AbortController | null} */
let running = null;
let timer = 0;
let last = '';
/** Whether the menus are still those of another model or index. */
let outdated = false;

/**
 * What is asked, without what is empty.
 * @param {HTMLFormElement} asked
 * @param {HTMLElement | null} [submitter] the button that was pressed
 */
function question(asked, submitter = null) {
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(asked, submitter)) {
    if (typeof value === 'string' && value !== '') fields.append(name, value);
  }
  return fields;
}

/** @param {string} text @param {boolean} [working] */
function say(text, working = false) {
  const shown = document.createElement('span');
  shown.textContent = text;
  const bar = document.createElement('span');
  bar.className = 'ex-progress';
  bar.setAttribute('aria-hidden', 'true');
  status.replaceChildren(...(working ? [bar, shown] : [shown]));
  status.classList.remove('ex-echo');
}

/**
 * Says to the other scripts what happens to a question: asking, answered, ended.
 * @param {string} what @param {object} detail
 */
const tell = (what, detail) =>
  document.dispatchEvent(new CustomEvent(`whyalike:${what}`, { detail }));

/** A name that nobody guesses. */
const makeName = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(16).padStart(2, '0')).join('');

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
 * @param {boolean} whole whether the page is asked for, and not the answer alone
 * @param {string} name
 */
async function ask(asked, body, signal, whole, name) {
  const headers = { Accept: 'text/html', [ASK]: name };
  for (let tries = 1; ; tries += 1) {
    const answer = await fetch(asked.action, {
      method: 'POST',
      body,
      headers: whole ? headers : { ...headers, [PART]: 'result' },
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
  // What an edit did stands in the answer's first line: it is said, and not shown twice.
  status.classList.toggle('ex-echo', Boolean(root?.querySelector('[data-tried]')));
  if (root?.dataset.title) document.title = `${root.dataset.title} · whyalike`;
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
  steps = root?.dataset.steps?.split('|') ?? [];
  frame.hidden = steps.length < 2;
  if (frame.hidden) return;
  slider.max = String(Math.max(steps.length, Number(slider.value)));
  sayStep(slider, root?.dataset.shown ?? '');
}

/** How many pairs each step of the slider shows, as it is said. @type {string[]} */
let steps = [];

/** @param {HTMLInputElement} slider @param {string} said */
function sayStep(slider, said) {
  slider.setAttribute('aria-valuetext', said);
  const shown = document.getElementById('top-said');
  if (shown) shown.textContent = said;
}

/** A button that asks once more. */
function makeRetry() {
  const again = document.createElement('button');
  again.type = 'button';
  again.className = 'ex-small';
  again.textContent = 'Try again';
  again.addEventListener('click', () => run(true));
  return again;
}

/** @param {string} title @param {string} reason */
function fail(title, reason) {
  const state = document.createElement('div');
  state.className = 'ex-state ex-failed';
  const head = document.createElement('h2');
  head.textContent = title;
  const text = document.createElement('p');
  text.textContent = reason;
  state.append(head, text, makeRetry());
  target.replaceChildren(state);
  setSlider(null);
  say(title);
}

/**
 * The page's own address with what was asked, for the address bar and to be shared.
 * @param {HTMLFormElement} asked
 * @param {URLSearchParams} body
 */
function keepAddress(asked, body) {
  const url = new URL(asked.action);
  const fields = body.toString();
  url.search = fields;
  const address = url.href.length <= LONGEST_LINK ? url.href : asked.action;
  // The question that the page came with keeps its place, so that Back returns to it.
  if (keepsOpened && fields !== opened) history.pushState({ fields }, '', address);
  else history.replaceState({ fields }, '', address);
  keepsOpened = fields === opened && keepsOpened;
}

/** What was asked when the page was opened, or gone back to. */
let opened = '';
/** Whether the address is still that of it, and it has texts. */
let keepsOpened = false;

/** @param {HTMLFormElement} asked */
function setOpened(asked) {
  opened = question(asked).toString();
  keepsOpened = [...asked.querySelectorAll('textarea')].some((box) => box.value !== '');
}

/**
 * Puts a question back into the form.
 * @param {HTMLFormElement} asked
 * @param {URLSearchParams} fields
 */
function fill(asked, fields) {
  for (const field of asked.elements) {
    if (field instanceof HTMLInputElement && field.type === 'checkbox') {
      field.checked = fields.getAll(field.name).includes(field.value);
    } else if (field instanceof HTMLTextAreaElement || field instanceof HTMLInputElement) {
      field.value = fields.get(field.name) ?? (field.type === 'range' ? field.defaultValue : '');
    } else if (field instanceof HTMLSelectElement) {
      field.value = fields.get(field.name) ?? field.options[0]?.value ?? '';
    }
  }
  for (const box of asked.querySelectorAll('textarea')) count(box);
}

/**
 * Shows what came; tells whether it was a page or a part of ours.
 * @param {HTMLFormElement} asked
 * @param {Response} answer
 * @param {string} markup
 * @param {boolean} whole
 */
function take(asked, answer, markup, whole) {
  if (!whole) {
    if (answer.headers.get(PART) !== 'result') return false;
    show(markup);
    return true;
  }
  const page = new DOMParser().parseFromString(markup, 'text/html');
  const fresh = page.getElementById('result');
  if (!fresh) return false;
  renew(asked, page);
  show(fresh.innerHTML);
  return true;
}

/**
 * Takes over what another model or index offers, and no text that is being typed.
 * @param {HTMLFormElement} asked
 * @param {Document} page
 */
function renew(asked, page) {
  const focus = document.activeElement?.id;
  const fresh = page.querySelectorAll('[data-renewed]');
  asked.querySelectorAll('[data-renewed]').forEach((old, at) => {
    if (fresh[at]) old.replaceWith(fresh[at]);
  });
  if (focus) document.getElementById(focus)?.focus();
  outdated = false;
  // What was chosen may not be among what is offered now.
  if (question(asked).toString() !== last) later(0);
}

/** Empties what is of one index only. @param {HTMLFormElement} asked */
function drop(asked) {
  const inputs = asked.querySelectorAll('[data-dropped] input');
  for (const input of /** @type {NodeListOf<HTMLInputElement>} */ (inputs)) {
    if (input.type === 'checkbox') input.checked = false;
    else input.value = '';
  }
}

/**
 * Asks now, unless just this was asked.
 * @param {boolean} [again]
 * @param {HTMLElement | null} [submitter]
 */
async function run(again = false, submitter = null) {
  if (!form) return;
  clearTimeout(timer);
  const body = question(form, submitter);
  if (!again && body.toString() === last) return;
  last = body.toString();
  running?.abort();
  const mine = (running = new AbortController());
  const soon = setTimeout(() => say('Asking the model …', true), SOON_SAID);
  const long = setTimeout(() => say('Still asking; the first time takes longest.', true), LONG_SAID);
  target.setAttribute('aria-busy', 'true');
  const whole = outdated;
  const name = makeName();
  tell('asking', { name, stop: () => mine.abort() });
  try {
    const answer = await ask(form, body, mine.signal, whole, name);
    const markup = await answer.text();
    if (mine.signal.aborted) return;
    clearTimeout(soon);
    clearTimeout(long);
    const { status: code } = answer;
    if (!take(form, answer, markup, whole)) {
      fail('That did not work', SENTENCES[code] ?? `The server answered ${code}.`);
    } else if (code === BUSY || code === BROKEN) {
      target.querySelector('.ex-failed')?.append(makeRetry());
    }
    // Who edits words puts the texts that came of it in the place of those that were asked.
    tell('answered', { body });
    for (const once of ONCE) body.delete(once);
    last = body.toString();
    keepAddress(form, body);
  } catch (error) {
    if (mine.signal.aborted) return;
    clearTimeout(soon);
    fail('The server does not answer', 'Is whyalike serve still running? What you typed is kept.');
  } finally {
    clearTimeout(soon);
    clearTimeout(long);
    tell('ended', { name });
    if (running === mine) target.removeAttribute('aria-busy');
  }
}

/**
 * Sets the menu of the same name to what a button in the answer says, so that it holds from now on.
 * @param {HTMLFormElement} asked
 * @param {HTMLElement | null} button
 */
function choose(asked, button) {
  if (!(button instanceof HTMLButtonElement) || !button.matches('[data-chooses]')) return false;
  const menu = /** @type {HTMLSelectElement | null} */ (asked.querySelector(`select[name="${button.name}"]`));
  if (!menu) return false;
  menu.value = button.value;
  menu.closest('[hidden]')?.removeAttribute('hidden');
  return true;
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
    if (field.matches('[data-renews]')) {
      outdated = true;
      drop(form);
    }
    if (/** @type {InputEvent} */ (event).isComposing) return;
    if (field.type === 'range') {
      sayStep(field, steps[Number(field.value) - 1] ?? steps.at(-1) ?? '');
      later(SLIDING);
    } else if (field.matches('textarea, input:not([type="checkbox"])')) later(TYPING);
    else later(0);
  });
  form.addEventListener('compositionend', () => later(TYPING));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    run(true, choose(form, event.submitter) ? null : event.submitter);
  });
  document.addEventListener('whyalike:ask', () => run(true));
  document.addEventListener('whyalike:say', (event) => {
    say(/** @type {CustomEvent<string>} */ (event).detail);
  });
  addEventListener('popstate', (event) => {
    // A link within the page has no state, and no address where the question is too long for one.
    if (!event.state && !location.search) return;
    const before = question(form);
    fill(form, new URLSearchParams(event.state?.fields ?? location.search));
    const now = question(form);
    if (now.toString() === before.toString()) return;
    outdated ||= now.get('model') !== before.get('model');
    setOpened(form);
    run(true);
  });
  setOpened(form);
  for (const box of form.querySelectorAll('textarea')) count(box);
  setSlider(target.querySelector('[data-said]'));
  // Browsers put back what was typed before a page was loaded anew; the answer is not of that.
  addEventListener('pageshow', (event) => {
    if (!event.persisted && isRestored(form)) run(true);
  });
}

/**
 * Whether any field holds something else than the page came with.
 * @param {HTMLFormElement} asked
 */
function isRestored(asked) {
  return [...asked.elements].some((field) => {
    if (field instanceof HTMLSelectElement) {
      const given = [...field.options].findIndex((option) => option.defaultSelected);
      return field.length > 0 && field.selectedIndex !== Math.max(0, given);
    }
    if (field instanceof HTMLTextAreaElement) return field.value !== field.defaultValue;
    if (!(field instanceof HTMLInputElement)) return false;
    if (field.type === 'checkbox') return field.checked !== field.defaultChecked;
    return field.value !== field.defaultValue;
  });
}
