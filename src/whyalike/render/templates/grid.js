/**
 * Makes tables of shades answer to pointing and the keyboard: names the row, the column and the
 * value of a cell. Without it, the numbers stand in the cells and the names beside them.
 */
(() => {
  'use strict';

  const HINT = matchMedia('(hover: none)').matches
    ? 'Tap a cell.'
    : 'Point at a cell, or move to the table with Tab and then with the arrow keys.';

  /** @param {HTMLTableElement} table */
  function setUp(table) {
    const frame = /** @type {HTMLElement} */ (table.parentElement);
    const readout = /** @type {HTMLElement} */ (frame.nextElementSibling);
    const names = [.../** @type {HTMLTableSectionElement} */ (table.tHead).rows[0].cells];
    const rows = [...table.tBodies[0].rows];
    let focused = /** @type {HTMLTableCellElement | null} */ (null);
    if (!rows.length || names.length < 2) return;

    /** @param {HTMLTableCellElement | null} cell */
    function show(cell) {
      for (const old of table.querySelectorAll('.wa-lit')) old.classList.remove('wa-lit');
      for (const old of table.querySelectorAll('.wa-pointed')) old.classList.remove('wa-pointed');
      if (!cell) {
        readout.textContent = HINT;
        return;
      }
      const [row, column] = [rowOf(cell).cells[0], names[cell.cellIndex]];
      for (const header of [row, column]) header.classList.add('wa-lit');
      cell.classList.add('wa-pointed');
      const words = make('strong', '');
      words.append(make('bdi', row.textContent), ' – ', make('bdi', column.textContent));
      const value = cell.dataset.value ?? '–';
      readout.replaceChildren(words, ` ${table.dataset.says} `, make('b', value));
      if (cell.classList.contains('wa-chosen')) readout.append(' · selected pair');
    }

    /** @param {HTMLTableCellElement} cell */
    function moveTo(cell) {
      if (focused) focused.tabIndex = -1;
      focused = cell;
      cell.tabIndex = 0;
      cell.focus();
    }

    table.setAttribute('role', 'grid');
    // The cells scroll the frame; one more stop for it would be in the way.
    frame.removeAttribute('tabindex');
    readout.hidden = false;
    focused = rows[0].cells[1];
    focused.tabIndex = 0;
    show(null);

    table.addEventListener('pointerover', (event) => show(cellOf(event) ?? active(table)));
    table.addEventListener('pointerleave', () => show(active(table)));
    table.addEventListener('focusin', (event) => show(cellOf(event)));
    table.addEventListener('focusout', () => show(null));
    table.addEventListener('click', (event) => {
      const cell = cellOf(event);
      if (cell) moveTo(cell);
    });
    table.addEventListener('keydown', (event) => {
      const cell = cellOf(event);
      const next = cell && neighbour(rows, cell, event);
      if (!next) return;
      event.preventDefault();
      moveTo(next);
    });
  }

  /** The cell with the focus. @param {HTMLTableElement} table */
  function active(table) {
    const element = document.activeElement;
    return table.contains(element) ? /** @type {HTMLTableCellElement} */ (element) : null;
  }

  /** @param {Event} event @returns {HTMLTableCellElement | null} */
  const cellOf = (event) => /** @type {Element} */ (event.target).closest('tbody td');

  /** @param {Element} cell */
  const rowOf = (cell) => /** @type {HTMLTableRowElement} */ (cell.parentElement);

  /**
   * The cell to which a key moves; null if it moves nowhere.
   * @param {HTMLTableRowElement[]} rows
   * @param {HTMLTableCellElement} cell
   * @param {KeyboardEvent} event
   */
  function neighbour(rows, cell, event) {
    const [row, column] = [rows.indexOf(rowOf(cell)), cell.cellIndex];
    const last = rows[0].cells.length - 1;
    const far = event.ctrlKey || event.metaKey;
    /** @type {Record<string, [number, number]>} */
    const to = {
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      Home: [far ? 0 : row, 1],
      End: [far ? rows.length - 1 : row, last],
    };
    const [toRow, toColumn] = to[event.key] ?? [-1, 0];
    return toColumn > 0 ? (rows[toRow]?.cells[toColumn] ?? null) : null;
  }

  /**
   * @param {string} tag
   * @param {string | null} text
   */
  function make(tag, text) {
    const element = document.createElement(tag);
    element.textContent = text;
    return element;
  }

  function start() {
    const tables = document.querySelectorAll('.whyalike .wa-grid:not([data-ready])');
    for (const table of /** @type {NodeListOf<HTMLTableElement>} */ (tables)) {
      table.setAttribute('data-ready', '');
      setUp(table);
    }
  }

  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start);
  else start();
})();
