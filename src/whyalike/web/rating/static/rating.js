/**
 * Rates by the keys, and sends answers so that a lost connection loses none. Without it, the form
 * is an ordinary form.
 */

const form = /** @type {HTMLFormElement} */ (document.getElementById('rating'));
const button = /** @type {HTMLButtonElement} */ (document.getElementById('send'));
const status = /** @type {HTMLElement} */ (document.getElementById('status'));
const keys = /** @type {HTMLInputElement} */ (document.getElementById('keys'));

const KEYS = 'whyalike-keys';
const FIRST_WAIT = 1;
const LONGEST_WAIT = 15;
const PATIENCE = 20_000;

let sending = false;

/** The server will not take this answer, however often it is sent. */
class Refused extends Error {}

/** @param {string} text */
function say(text) {
  status.textContent = text;
}

/** @param {number} seconds */
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

/** A name for one act of answering: sent again it is the same, and counts once. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Sends once.
 * @param {URLSearchParams} body
 * @returns {Promise<{ next?: string, wait?: number }>} where to go on, or how long to wait
 */
async function attempt(body) {
  const response = await fetch(form.action, {
    method: 'POST',
    body,
    headers: { Accept: 'application/json' },
    signal: AbortSignal.timeout(PATIENCE),
  });
  const answer = await response.json();
  if (response.ok) return { next: answer.next };
  if (response.status < 500 && response.status !== 429) throw new Refused(answer.error);
  return { wait: Number(response.headers.get('retry-after')) };
}

/**
 * Sends until the server has said that the answer is stored.
 * @param {URLSearchParams} body
 * @returns {Promise<string>} where to go on
 */
async function send(body) {
  for (let wait = FIRST_WAIT; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
    let asked = 0;
    try {
      const { next, wait: told } = await attempt(body);
      if (next) return next;
      asked = told ?? 0;
    } catch (error) {
      if (error instanceof Refused) throw error;
    }
    const seconds = Math.max(wait, asked);
    say(`Not stored yet: no answer from the server. Trying again in ${seconds} s; keep this page open.`);
    await pause(seconds);
    say('Trying again …');
  }
}

/** @param {boolean} now */
function setSending(now) {
  sending = now;
  button.setAttribute('aria-disabled', String(now));
  form.setAttribute('aria-busy', String(now));
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (sending) return;
  const body = new URLSearchParams(/** @type {any} */ (new FormData(form)));
  body.set('client_key', newKey());
  setSending(true);
  say('Saving …');
  try {
    const next = await send(body);
    say('Saved.');
    sending = false;
    location.assign(next);
  } catch (error) {
    setSending(false);
    say(/** @type {Error} */ (error).message);
  }
});

/** @param {string} value */
function choose(value) {
  const choices = /** @type {NodeListOf<HTMLInputElement>} */ (
    form.querySelectorAll('input[name="value"]')
  );
  for (const choice of choices) choice.checked = choice.value === value;
  say('');
}

/**
 * Whether a key is meant for what has the focus, and not for us.
 * @param {KeyboardEvent} event
 */
function isTaken(event) {
  const target = /** @type {Element} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return true;
  if (target.matches('textarea')) return true;
  if (event.key === 'Enter') return target.matches('a, button, summary, tr');
  return event.key === 'ArrowLeft' && target.matches('input');
}

document.addEventListener('keydown', (event) => {
  if (sending || event.defaultPrevented || !keys.checked || isTaken(event)) return;
  if (/^[1-5]$/.test(event.key)) {
    choose(event.key);
  } else if (event.key === 'Enter') {
    event.preventDefault();
    form.requestSubmit();
  } else if (event.key === 'ArrowLeft') {
    document.getElementById('back')?.click();
  }
});

// A link followed now would give up an answer that is not stored.
addEventListener('beforeunload', (event) => {
  if (sending) event.preventDefault();
});

// A page that comes back from the browser's memory is one that was left when all was stored.
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload();
});

/** Some need the keys for themselves, such as who speaks to the browser. */
keys.checked = localStorage.getItem(KEYS) !== 'off';
keys.addEventListener('change', () => localStorage.setItem(KEYS, keys.checked ? 'on' : 'off'));
/** @type {HTMLElement} */ (keys.parentElement).hidden = false;
