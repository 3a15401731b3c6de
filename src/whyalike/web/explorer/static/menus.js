/**
 * Closes menus when the focus or a click goes elsewhere; them and panels by Escape.
 */

/** @param {EventTarget | null} away what does not close its own menu */
function closeMenus(away) {
  const menus = document.querySelectorAll('details.ex-menu[open]');
  for (const menu of /** @type {NodeListOf<HTMLDetailsElement>} */ (menus)) {
    if (!menu.contains(/** @type {Node | null} */ (away))) menu.open = false;
  }
}

document.addEventListener('pointerdown', (event) => closeMenus(event.target));
document.addEventListener('focusin', (event) => closeMenus(event.target));
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  const menu = /** @type {Element} */ (event.target).closest('details:is(.ex-menu, .ex-panel)[open]');
  if (!menu) return;
  /** @type {HTMLDetailsElement} */ (menu).open = false;
  menu.querySelector('summary')?.focus();
});
