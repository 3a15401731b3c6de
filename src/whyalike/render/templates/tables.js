/**
 * Makes tables of pairs sort by their headers, and their rows one stop for Tab between which the
 * arrow keys move. Without it, they are in the order of the scores.
 */
(() => {
  'use strict';

  /** @param {HTMLTableElement} table */
  function setUp(table) {
    const headers = [.../** @type {HTMLTableSectionElement} */ (table.tHead).rows[0].cells];
    headers.forEach((header, column) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener('click', () => sort(table, headers, column));
    });
    const body = table.tBodies[0];
    makeStop(body.rows, body.rows[0]);
    body.addEventListener('focusin', (event) => makeStop(body.rows, event.target));
    body.addEventListener('keydown', (event) => {
      if (move(body.rows, event)) event.preventDefault();
    });
  }

  /**
   * Lets Tab stop at one row only.
   * @param {HTMLCollectionOf<HTMLTableRowElement>} rows
   * @param {EventTarget | null} stop
   */
  function makeStop(rows, stop) {
    for (const row of rows) row.tabIndex = row === stop ? 0 : -1;
  }

  /**
   * Moves the focus to another row; tells whether the key was one for that.
   * @param {HTMLCollectionOf<HTMLTableRowElement>} rows
   * @param {KeyboardEvent} event
   */
  function move(rows, event) {
    const at = [...rows].indexOf(/** @type {HTMLTableRowElement} */ (event.target));
    /** @type {Record<string, number>} */
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: rows.length - 1 };
    if (at < 0 || !(event.key in to)) return false;
    rows[to[event.key]]?.focus();
    return true;
  }

  /**
   * @param {HTMLTableElement} table
   * @param {HTMLElement[]} headers
   * @param {number} column
   */
  function sort(table, headers, column) {
    const rows = [...table.tBodies[0].rows];
    const isText = rows[0].cells[column].dataset.value === undefined;
    const was = headers[column].getAttribute('aria-sort');
    // Numbers are asked for greatest first; names and ranks are not.
    const first = isText || column === 0 ? 'ascending' : 'descending';
    const order = was ? (was === 'ascending' ? 'descending' : 'ascending') : first;
    const sign = order === 'ascending' ? 1 : -1;
    rows.sort((a, b) => {
      const [x, y] = [a.cells[column], b.cells[column]];
      const by = isText
        ? textOf(x).localeCompare(textOf(y))
        : Number(x.dataset.value) - Number(y.dataset.value);
      return sign * by || rank(a) - rank(b);
    });
    for (const header of headers) header.removeAttribute('aria-sort');
    headers[column].setAttribute('aria-sort', order);
    table.tBodies[0].append(...rows);
    makeStop(table.tBodies[0].rows, rows[0]);
  }

  /** @param {HTMLTableRowElement} row */
  const rank = (row) => Number(row.cells[0].dataset.value);

  /** What a cell says, without its asides. @param {Element} cell */
  const textOf = (cell) => (cell.querySelector('bdi, .wa-said') ?? cell).textContent ?? '';

  function start() {
    const tables = document.querySelectorAll('.whyalike .wa-table:not([data-ready])');
    for (const table of /** @type {NodeListOf<HTMLTableElement>} */ (tables)) {
      table.setAttribute('data-ready', '');
      setUp(table);
    }
  }

  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start);
  else start();
})();
