/**
 * Words of the answer are deleted or replaced by a click or by keys; the score moves, and every try
 * can be opened again. Without it, the list of words below the answer's head does the same by a form.
 */

/** The field of a text. @typedef {string} Side */
/** @typedef {{ texts: Record<Side, string>, score: number, shown: string, what: string, from: number | null }} Try */

const KEPT = `whyalike:tries:${location.pathname}`;
const MOST_KEPT = 40;
const DIGITS = 3;

const form = /** @type {HTMLFormElement | null} */ (document.querySelector('form[data-edits]'));
const result = /** @type {HTMLElement | null} */ (document.getElementById('result'));
/** @type {[Side, HTMLTextAreaElement][]} */
const boxes = [...(form?.querySelectorAll('textarea') ?? [])].map((box) => [box.name, box]);

/** What was edited since the answer that is shown: a word's side and number, and its new text. */
/** @type {Map<string, string>} */
const pending = new Map();
/** Where to go on after the next answer. @type {{ side: Side, word: number } | null} */
let place = null;
/** @type {Try[]} */
let tries = [];
let current = -1;
/** The model whose scores the tries have, and how it took the texts. */
let asker = '';

const section = document.createElement('section');

/** @param {string} text */
const say = (text) => document.dispatchEvent(new CustomEvent('whyalike:say', { detail: text }));

/** @returns {HTMLElement | null} */
const edits = () => result?.querySelector('[data-edit]') ?? null;

/** A line ends as in the text of a box. @param {string} text */
const plain = (text) => text.replaceAll('\r\n', '\n');

/** The text that the answer is about. @param {Side} side */
function shown(side) {
  const field = /** @type {HTMLInputElement | null} */ (
    edits()?.querySelector(`[data-edit-form] input[name="${side}"]`)
  );
  return plain(field?.value ?? '');
}

/** @param {Element} word @returns {Side} */
const sideOf = (word) =>
  /** @type {HTMLElement} */ (word.closest('[data-side]')).dataset.side ?? '';

/** The words of a side of the first explanation, in their order. @param {Side} side */
const wordsOf = (side) =>
  /** @type {HTMLElement[]} */ ([
    ...(result?.querySelector(`[data-side="${side}"]`)?.querySelectorAll('[data-word]') ?? []),
  ]);

/** A word's own text, without the numbers of its pairs. @param {Element} word */
const textOf = (word) => (word.querySelector('.wa-tone') ?? word).textContent ?? '';

/** @param {string} text */
const isMark = (text) => !/[\p{L}\p{N}]/u.test(text);

/** The word that an event is about. @param {Event} event */
const wordAt = (event) =>
  /** @type {HTMLElement | null} */ (
    event.target instanceof Element ? event.target.closest('#result [data-side] [data-word]') : null
  );

/**
 * Deletes a word, or replaces it; the answer follows.
 * @param {HTMLElement} word
 * @param {string} text
 */
function edit(word, text) {
  if (!form || !edits()) return;
  if (boxes.some(([side, box]) => plain(box.value) !== shown(side))) {
    say('The boxes hold another text already: wait for its answer.');
    return;
  }
  const side = sideOf(word);
  const index = word.dataset.word ?? '';
  const left = wordsOf(side).filter((one) => {
    const said = one.dataset.word === index ? text : pending.get(`${side}.${one.dataset.word}`);
    return !isMark(said ?? textOf(one));
  });
  if (!left.length) {
    say(`No word of the ${side} text would be left.`);
    return;
  }
  pending.set(`${side}.${index}`, text);
  place = { side, word: Number(index) };
  mark();
  send();
  document.dispatchEvent(new CustomEvent('whyalike:ask'));
}

/** Shows what is edited until the answer comes. */
function mark() {
  for (const old of result?.querySelectorAll('.ex-gone') ?? []) old.classList.remove('ex-gone');
  for (const at of pending.keys()) {
    const [side, index] = at.split('.');
    const twins = result?.querySelectorAll(`[data-side="${side}"] [data-word="${index}"]`) ?? [];
    for (const word of twins) word.classList.add('ex-gone');
  }
}

/** Puts the edits into the form, as fields that are not seen. */
function send() {
  if (!form) return;
  for (const old of form.querySelectorAll('input[type="hidden"][name="edit"]')) old.remove();
  for (const [at, text] of pending) {
    const field = document.createElement('input');
    field.type = 'hidden';
    field.name = 'edit';
    field.value = `${at}=${text}`;
    form.append(field);
  }
}

function forget() {
  pending.clear();
  mark();
  send();
}

// Words by pointer and by keys

/** @type {HTMLElement | null} */
let dialog = null;

/** @param {boolean} [back] whether the focus goes back to the word */
function close(back = false) {
  const word = dialog?.dataset.for ? document.getElementById(dialog.dataset.for) : null;
  dialog?.remove();
  dialog = null;
  for (const old of document.querySelectorAll('.ex-chosen-word')) old.classList.remove('ex-chosen-word');
  if (back) word?.focus();
}

/**
 * Offers to delete or to replace a word.
 * @param {HTMLElement} word
 * @param {boolean} typing whether one goes on by typing
 */
function open(word, typing) {
  close();
  const text = textOf(word);
  word.id ||= `ex-word-${sideOf(word)}-${word.dataset.word}`;
  word.classList.add('ex-chosen-word');
  const made = document.createElement('div');
  made.className = 'ex-dialog';
  made.dataset.for = word.id;
  made.setAttribute('role', 'dialog');
  made.setAttribute('aria-label', `Edit “${text}”`);
  const gone = document.createElement('button');
  gone.type = 'button';
  gone.className = 'ex-small';
  gone.textContent = 'Delete';
  gone.addEventListener('click', () => {
    close();
    edit(word, '');
  });
  const field = document.createElement('input');
  field.className = 'web-field';
  field.dir = 'auto';
  field.autocomplete = 'off';
  field.spellcheck = false;
  field.placeholder = text;
  field.setAttribute('aria-label', `Replace “${text}” by`);
  const change = document.createElement('button');
  change.className = 'ex-small';
  change.textContent = 'Replace';
  const asked = document.createElement('form');
  asked.append(gone, field, change);
  made.append(asked);
  asked.addEventListener('submit', (event) => {
    event.preventDefault();
    const said = field.value.trim();
    if (!said) return field.focus();
    close();
    if (said !== text) edit(word, said);
  });
  made.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    close(true);
  });
  document.body.append(made);
  dialog = made;
  settle(made, word);
  (typing ? field : gone).focus({ preventScroll: true });
}

/** Puts the dialog below the word, inside the window. @param {HTMLElement} made @param {HTMLElement} word */
function settle(made, word) {
  const at = (word.querySelector('.wa-tone') ?? word).getClientRects()[0];
  const wide = document.documentElement.clientWidth;
  const start = Math.max(8, Math.min(at.left, wide - made.offsetWidth - 8));
  made.style.left = `${start + scrollX}px`;
  made.style.top = `${at.bottom + scrollY + 6}px`;
}

/** @param {HTMLElement} word @param {number} step */
function go(word, step) {
  const words = wordsOf(sideOf(word));
  const other = words[words.findIndex((one) => one.dataset.word === word.dataset.word) + step];
  if (other) reach(other);
}

/** Gives a word the focus, whatever it is. @param {HTMLElement} word */
function reach(word) {
  word.closest('details')?.setAttribute('open', '');
  if (word.tabIndex < 0) prepare(word, -1);
  word.focus();
}

/** @param {HTMLElement} word @param {number} order */
function prepare(word, order) {
  if (word.matches('a')) return;
  word.tabIndex = order;
  word.setAttribute('role', 'button');
}

document.addEventListener('click', (event) => {
  const word = wordAt(event);
  if (dialog && !dialog.contains(/** @type {Node} */ (event.target))) close();
  // Enter on a word goes to its row, and who marks text is not editing.
  if (!word || !event.detail || !edits() || String(getSelection() ?? '').trim()) return;
  open(word, matchMedia('(pointer: fine)').matches);
});

document.addEventListener('keydown', (event) => {
  const word = event.target instanceof HTMLElement && event.target.matches('[data-word]') ? wordAt(event) : null;
  if (!word || !edits() || event.ctrlKey || event.metaKey || event.altKey) return;
  const back = getComputedStyle(word).direction === 'rtl' ? 1 : -1;
  if (event.key === 'Delete' || event.key === 'Backspace') edit(word, '');
  else if (event.key === 'F2' || (event.key === 'Enter' && !word.matches('a'))) open(word, true);
  else if (event.key === 'ArrowLeft') go(word, back);
  else if (event.key === 'ArrowRight') go(word, -back);
  else return;
  event.preventDefault();
});

// The list that is there without a script, too
document.addEventListener('submit', (event) => {
  const asked = /** @type {HTMLFormElement} */ (event.target);
  if (!asked.matches('[data-edit-form]')) return;
  event.preventDefault();
  const fields = new FormData(asked);
  const [side, index] = String(fields.get('edit') ?? '').split('.');
  const word = wordsOf(side).find((one) => one.dataset.word === index);
  if (word) edit(word, String(fields.get('with') ?? '').trim());
});

// What was tried

/** @param {number} value */
const signed = (value) => {
  const said = Math.abs(value).toFixed(DIGITS);
  return Number(said) === 0 ? said : `${value < 0 ? '\u2212' : '+'}${said}`;
};
/** As it is shown, so that what is shown adds up. @param {number} value */
const rounded = (value) => Number(value.toFixed(DIGITS));

/** Takes note of the answer that is shown. @param {string} what @param {number | null} from */
function note(what, from) {
  const root = edits();
  if (!root) return;
  const texts = Object.fromEntries(boxes.map(([side]) => [side, shown(side)]));
  const said = root.dataset.shown ?? '';
  const score = Number(root.dataset.score);
  const model = askedBy();
  if (model !== asker) tries = [];
  asker = model;
  const known = tries.findIndex((one) => boxes.every(([side]) => one.texts[side] === texts[side]));
  if (known >= 0) {
    current = known;
  } else if (what || !tries.length) {
    tries.push({ texts, score, shown: said, what: what || 'Beginning', from: tries.length ? from : null });
    current = tries.length - 1;
  } else if (tries.length === 1) {
    tries = [{ texts, score, shown: said, what: 'Beginning', from: null }];
    current = 0;
  } else {
    const typed = 'Typed';
    const last = tries[current];
    const entry = { texts, score, shown: said, what: typed, from: last?.what === typed ? last.from : current };
    // As one types, many texts are answered: the last one stands for them.
    if (last?.what === typed && current === tries.length - 1) tries[current] = entry;
    else current = tries.push(entry) - 1;
  }
  shorten();
  keep();
  list();
}

/** Forgets the oldest tries of too many, but not the first. */
function shorten() {
  while (tries.length > MOST_KEPT) {
    tries.splice(1, 1);
    current -= 1;
    for (const one of tries) {
      if (one.from === 1) one.from = 0;
      else if (one.from !== null && one.from > 1) one.from -= 1;
    }
  }
}

function askedBy() {
  if (!form) return '';
  const fields = new FormData(form);
  return JSON.stringify([fields.get('model') ?? '', fields.get('texts') ?? '']);
}

function keep() {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ tries, current, asker }));
  } catch {
    // There is no room: the tries stay in this page.
  }
}

/** Takes over the tries of the page before, where they led to what is shown. */
function restore() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? '{}');
    const at = /** @type {Try | undefined} */ (kept.tries?.[kept.current]);
    if (at && boxes.every(([side]) => at.texts[side] === shown(side)) && kept.asker === askedBy()) {
      ({ tries, current, asker } = kept);
    }
  } catch {
    // What is kept is none of ours.
  }
}

/** Asks for a try again. @param {number} at */
function reopen(at) {
  const one = tries[at];
  if (!one) return;
  forget();
  for (const [side, box] of boxes) box.value = one.texts[side];
  document.dispatchEvent(new CustomEvent('whyalike:ask'));
}

function startAfresh() {
  tries = tries[current] ? [{ ...tries[current], what: 'Beginning', from: null }] : [];
  current = tries.length - 1;
  keep();
  list();
  say('The tries were forgotten.');
}

/** Shows the tries once there are two. */
function list() {
  section.hidden = tries.length < 2;
  if (section.hidden) return section.replaceChildren();
  const inside = section.contains(document.activeElement) ? document.activeElement?.id : '';
  const head = document.createElement('div');
  head.className = 'ex-tries-head';
  const title = document.createElement('h2');
  title.textContent = 'What you tried';
  const back = button('Undo', 'ex-undo', () => reopen(tries[current]?.from ?? -1));
  back.setAttribute('aria-disabled', String(tries[current]?.from === null));
  head.append(title, back, button('Start afresh', 'ex-afresh', startAfresh));
  const all = document.createElement('ol');
  tries.forEach((one, at) => {
    const open = button('', `ex-try-${at}`, () => reopen(at));
    open.dir = 'auto';
    if (at === current) open.setAttribute('aria-current', 'true');
    const score = document.createElement('b');
    score.textContent = one.shown;
    const words = document.createElement('span');
    words.textContent = one.what;
    open.append(score, words);
    if (at) {
      const change = document.createElement('i');
      const value = rounded(one.score) - rounded(tries[0].score);
      change.textContent = signed(value);
      change.dataset.sign = String(Math.sign(rounded(value)));
      change.title = form?.dataset.edits ?? '';
      open.append(change);
    }
    const item = document.createElement('li');
    item.append(open);
    all.append(item);
  });
  section.replaceChildren(head, all);
  if (inside) document.getElementById(inside)?.focus();
  const chosen = all.children[current];
  if (chosen instanceof HTMLElement) all.scrollTop = chosen.offsetTop - all.offsetTop - all.clientHeight / 2;
}

/** @param {string} text @param {string} id @param {() => void} act */
function button(text, id, act) {
  const made = document.createElement('button');
  made.type = 'button';
  made.id = id;
  made.className = 'ex-small';
  made.textContent = text;
  made.addEventListener('click', () => {
    if (made.getAttribute('aria-disabled') !== 'true') act();
  });
  return made;
}

document.addEventListener('whyalike:answered', (event) => {
  const { body } = /** @type {CustomEvent<{ body: URLSearchParams }>} */ (event).detail;
  const was = body.has('edit');
  const done = was ? edits()?.dataset.tried : undefined;
  close();
  if (was) {
    body.delete('edit');
    forget();
  }
  if (done !== undefined) {
    for (const [side, box] of boxes) {
      // Who typed meanwhile asks next, and keeps what was typed.
      if (plain(box.value) === plain(body.get(side) ?? '')) box.value = shown(side);
      body.set(side, shown(side));
    }
  }
  note(done ?? '', done === undefined ? null : current);
  ready();
  if (done !== undefined) refocus();
});

/** Goes on at the word where one was, unless one is elsewhere by now. */
function refocus() {
  const at = document.activeElement;
  if (!place || (at && at !== document.body && !result?.contains(at))) return;
  const words = wordsOf(place.side);
  const next = words[Math.min(place.word, words.length - 1)];
  if (!next) return;
  next.closest('details')?.setAttribute('open', '');
  if (next.tabIndex < 0) prepare(next, -1);
  next.focus({ preventScroll: true });
}

/** Lets keys reach a side of which no word has a partner. */
function ready() {
  for (const [side] of boxes) {
    const words = wordsOf(side);
    if (words.length && !words.some((word) => word.matches('a'))) prepare(words[0], 0);
    for (const word of words) word.setAttribute('aria-keyshortcuts', 'Delete F2');
  }
}

document.addEventListener('whyalike:cleared', () => {
  tries = [];
  current = -1;
  forget();
  list();
});

if (form && result) {
  section.id = 'tries';
  section.className = 'ex-tries';
  section.setAttribute('aria-label', 'What you tried');
  section.hidden = true;
  result.before(section);
  for (const [, box] of boxes) box.addEventListener('input', forget);
  if (edits()) {
    restore();
    note('', null);
    ready();
  }
}
