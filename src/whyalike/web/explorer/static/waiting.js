/**
 * While one waits: how far the question is, who else asks, and a button that stops it, here and on
 * the server. Without it, the browser's own Stop does the same.
 */

const SHOWN = 700;
const EVERY = 1000;

/** @typedef {{ known: boolean, seconds?: number, done?: number, begun?: boolean, others?: number }} Progress */
/** @typedef {{ name: string, stop: () => void, since: number }} Question */

const state = document.getElementById('status');
/** @type {Question | null} */
let question = null;
let timer = 0;
let stopped = false;

const section = document.createElement('div');
const bar = document.createElement('progress');
const words = document.createElement('span');
const act = document.createElement('button');

/** @param {number} seconds */
const about = (seconds) => (seconds < 9.95 ? seconds.toFixed(1) : Math.round(seconds).toLocaleString('en'));

/** @param {number} others */
const count = (others) => (others === 1 ? '1 other question' : `${others} other questions`);

/**
 * What is said of a question.
 * @param {Progress} progress @param {number} waited seconds
 */
function describe({ known, seconds = 0, done = 0, begun = false, others = 0 }, waited) {
  const company = others ? `; ${count(others)} ${begun ? 'take turns with it' : 'before or beside it'}` : '';
  if (!known || !seconds) return `${about(waited)} s so far`;
  if (!begun) return `Waiting for its turn, ${about(waited)} s so far${company}`;
  if (done > seconds) return `Longer than the ${about(seconds)} s that were expected${company}`;
  return `${about(done)} of about ${about(seconds)} s${company}`;
}

/** @param {Progress} progress */
function show(progress) {
  if (!question) return;
  const { known, seconds = 0, done = 0, begun } = progress;
  if (known && begun && seconds && done <= seconds) bar.value = done / seconds;
  else bar.removeAttribute('value');
  bar.hidden = false;
  words.textContent = describe(progress, (performance.now() - question.since) / 1000);
  section.hidden = false;
}

/** Asks how far the question is, and goes on asking until it is answered. */
async function look() {
  const asked = question;
  if (!asked) return;
  /** @type {Progress} */
  let progress = { known: false };
  try {
    const answer = await fetch(`/progress?name=${asked.name}`);
    if (answer.ok) progress = await answer.json();
  } catch {
    // The question itself says that the server is gone.
  }
  if (question !== asked) return;
  show(progress);
  timer = setTimeout(look, EVERY);
}

function end() {
  clearTimeout(timer);
  question = null;
  section.hidden = true;
}

function stop() {
  const asked = question;
  if (!asked) return;
  end();
  stopped = true;
  asked.stop();
  bar.hidden = true;
  words.textContent = 'The answer below, if there is one, is that of the question before.';
  act.textContent = 'Ask again';
  section.hidden = false;
  document.dispatchEvent(new CustomEvent('whyalike:say', { detail: 'Stopped.' }));
}

if (state) {
  section.className = 'ex-waiting';
  section.hidden = true;
  bar.setAttribute('aria-label', 'How far the question is');
  act.type = 'button';
  act.className = 'ex-small';
  act.addEventListener('click', () => {
    if (question) stop();
    else document.dispatchEvent(new CustomEvent('whyalike:ask'));
  });
  section.append(bar, words, act);
  state.after(section);
  document.addEventListener('whyalike:asking', (event) => {
    const again = stopped && document.activeElement === act;
    end();
    stopped = false;
    const { name, stop } = /** @type {CustomEvent<Question>} */ (event).detail;
    question = { name, stop, since: performance.now() };
    act.textContent = 'Stop';
    // The button with the focus stays.
    if (again) show({ known: false });
    timer = setTimeout(look, SHOWN);
  });
  document.addEventListener('whyalike:ended', (event) => {
    const { name } = /** @type {CustomEvent<{ name: string }>} */ (event).detail;
    if (question?.name === name) end();
  });
  document.addEventListener('keydown', (event) => {
    // In a menu it closes that.
    const inside = event.target instanceof Element && event.target.closest('details[open]');
    if (event.key === 'Escape' && question && !section.hidden && !inside) stop();
  });
}
