/**
 * The fields of the catalogue's question: which of text and item was typed last, and titles that go on
 * from what is typed. Without it, an item counts before a text, and words of a title are looked up when
 * they are sent.
 */

const WAIT = 150;
const FEWEST = 2;

const form = /** @type {HTMLFormElement | null} */ (document.querySelector('form[data-live]'));
const by = /** @type {HTMLInputElement | null} */ (document.getElementById('by'));
let timer = 0;
/** @type {AbortController | null} */
let running = null;

/** Offers titles below a field. @param {HTMLInputElement} field */
async function offer(field) {
  const list = field.list;
  if (!list || !form) return;
  running?.abort();
  const mine = (running = new AbortController());
  const said = field.value.trim();
  // What was picked from the list needs no other offers.
  if ([...list.options].some((option) => option.value === said)) return;
  if (said.length < FEWEST) {
    list.replaceChildren();
    return;
  }
  const index = new FormData(form).get('index');
  const asked = new URLSearchParams({ said, index: typeof index === 'string' ? index : '' });
  try {
    const answer = await fetch(`/catalogue/titles?${asked}`, {
      headers: { Accept: 'application/json' },
      signal: mine.signal,
    });
    if (!answer.ok) return;
    /** @type {{ id: string, title: string }[]} */
    const found = await answer.json();
    const options = found.map(({ id, title }) => {
      const option = document.createElement('option');
      option.value = id;
      option.label = title || id;
      option.textContent = title || id;
      return option;
    });
    list.replaceChildren(...options);
  } catch {
    // A later question, or a server that does not answer: the answer's place says that.
  }
}

// Before the question is read and sent.
form?.addEventListener(
  'input',
  (event) => {
    const field = /** @type {HTMLInputElement} */ (event.target);
    if (by && (field.name === 'text' || field.name === 'item')) by.value = field.name;
    if (field.matches('[data-titles]')) {
      clearTimeout(timer);
      timer = setTimeout(() => offer(field), WAIT);
    }
  },
  true,
);
