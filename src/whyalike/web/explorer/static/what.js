/**
 * Leaves "What do I see?" as the reader left it: first comes what was asked for. Without it, the panel
 * opens by its summary on each page.
 */

const KEPT = 'whyalike-what';
const panel = /** @type {HTMLDetailsElement | null} */ (document.getElementById('what'));

/** Browsers may forbid to keep anything. */
function wasOpen() {
  try {
    return localStorage.getItem(KEPT) === 'open';
  } catch {
    return false;
  }
}

if (panel) {
  panel.open = wasOpen();
  panel.querySelector('summary')?.addEventListener('click', () => {
    // The summary's own click comes first, and the panel turns after it.
    try {
      localStorage.setItem(KEPT, panel.open ? 'closed' : 'open');
    } catch {
      // Then it is closed again on the next page.
    }
  });
}
