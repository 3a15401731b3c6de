/**
 * Opens "What do I see?" where there is room for it, until a reader has closed it. Without it, the
 * panel opens by its summary.
 */

const KEPT = 'whyalike-what';
const panel = /** @type {HTMLDetailsElement | null} */ (document.getElementById('what'));

/** Browsers may forbid to keep anything. */
function isClosed() {
  try {
    return localStorage.getItem(KEPT) === 'closed';
  } catch {
    return false;
  }
}

if (panel) {
  panel.open = !isClosed() && matchMedia('(min-width: 75rem)').matches;
  panel.querySelector('summary')?.addEventListener('click', () => {
    // The summary's own click comes first, and the panel turns after it.
    try {
      localStorage.setItem(KEPT, panel.open ? 'closed' : 'open');
    } catch {
      // Then it is open again on the next page.
    }
  });
}
