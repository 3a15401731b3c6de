/**
 * Copies what is shown: its link, the code that makes it, JSON, HTML or a picture. Without it, the
 * links beside save the same files, and the code can be selected.
 */

const SAID = 2000;

/** @param {string} text */
async function copyText(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Browsers give the clipboard to secure pages only; others have the old way.
  const box = document.createElement('textarea');
  box.value = text;
  document.body.append(box);
  box.select();
  const done = document.execCommand('copy');
  box.remove();
  if (!done) throw new Error('not allowed');
}

/**
 * The same question, asked for another form of the answer.
 * @param {string} path
 */
async function fetchForm(path) {
  const form = /** @type {HTMLFormElement} */ (document.querySelector('form[data-live]'));
  const fields = new URLSearchParams(/** @type {any} */ (new FormData(form)));
  const headers = { 'X-Whyalike-Part': 'result' };
  const answer = await fetch(path, { method: 'POST', body: fields, headers });
  if (!answer.ok) throw new Error(await reason(answer));
  return answer;
}

/** @param {Response} answer */
async function reason(answer) {
  const isPlain = answer.headers.get('content-type')?.startsWith('text/plain');
  return isPlain ? answer.text() : `the server answered ${answer.status}`;
}

/** @param {HTMLElement} button */
async function copy(button) {
  const { copy: what = '', path = '', link = '' } = button.dataset;
  // That of the answer, as the boxes may hold the next question already.
  if (what === 'link') return copyText(new URL(`?${link}`, location.href).href);
  // One that the server keeps, of a question that is too long for a link.
  if (what === 'stored') {
    const short = await (await fetchForm(path)).text();
    return copyText(new URL(short, location.href).href);
  }
  if (what === 'picture') {
    const picture = fetchForm(path).then((answer) => answer.blob());
    return navigator.clipboard.write([new ClipboardItem({ 'image/png': picture })]);
  }
  if (what === 'file') return copyText(await (await fetchForm(path)).text());
  return copyText(document.getElementById(what)?.textContent ?? '');
}

document.addEventListener('click', async (event) => {
  const button = /** @type {HTMLElement | null} */ (
    /** @type {Element} */ (event.target).closest('button[data-copy]')
  );
  if (!button) return;
  const status = document.getElementById('status');
  const name = button.dataset.name ?? button.textContent ?? '';
  let said = `Copied: ${name}.`;
  try {
    await copy(button);
  } catch (error) {
    said = `Could not copy: ${/** @type {Error} */ (error).message}. Save it instead.`;
  }
  if (status) status.textContent = said;
  const before = button.dataset.label ?? (button.dataset.label = button.textContent ?? '');
  button.textContent = said.startsWith('Copied') ? 'Copied' : before;
  setTimeout(() => (button.textContent = before), SAID);
});

document.documentElement.classList.add('ex-scripted');
