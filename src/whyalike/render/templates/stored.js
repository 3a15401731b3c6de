/**
 * Makes elements of an explanation when it is opened: until then it is one text in a noscript, which
 * browsers with scripts neither lay out nor go through. Without it, all can be read.
 */
(() => {
  'use strict';

  // This element holds all scripts of the page, which set up what is new when they run again.
  const own = document.currentScript;
  if (!own || document.documentElement.hasAttribute('data-stored')) return;
  document.documentElement.setAttribute('data-stored', '');
  let running = /** @type {Element} */ (own);

  /** @param {Event} event */
  function open(event) {
    const details = /** @type {HTMLDetailsElement} */ (event.target);
    if (!details.open || !details.matches('.whyalike-whole')) return;
    const stored = details.querySelector(':scope > noscript');
    if (!stored) return;
    // It is of this page, whose texts are escaped in it.
    const made = document.createElement('template');
    made.innerHTML = stored.textContent ?? '';
    stored.replaceWith(made.content);
    const again = document.createElement('script');
    again.textContent = running.textContent;
    running.replaceWith(again);
    running = again;
  }

  // This event does not rise.
  document.addEventListener('toggle', open, true);
})();
