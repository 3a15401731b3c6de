/**
 * Makes each explanation on the page answer to pointing and the keyboard: shows a word with its
 * partners and their rows, and draws lines between them. Without it, all can be read.
 */
(() => {
  'use strict';

  /** @typedef {'left' | 'right'} Side */
  /** @typedef {{ x: number, y: number }} Point */

  const LINES_DRAWN = 12;
  const PAIRS_READ_OUT = 3;

  /** @param {Element} root */
  function setUp(root) {
    const texts = /** @type {HTMLElement} */ (root.querySelector('.wa-texts'));
    const lines = /** @type {SVGElement} */ (root.querySelector('.wa-lines'));
    const readout = /** @type {HTMLElement} */ (root.querySelector('.wa-readout'));
    const words = { left: wordsOf(root, 'left'), right: wordsOf(root, 'right') };

    /** The rows that are shown now. @type {HTMLElement[]} */
    let shown = [];
    /** The word or row with the focus, to go back to when the pointer leaves. */
    let focused = /** @type {Element | null} */ (null);
    let hovered = /** @type {Element | null} */ (null);

    /**
     * The rows that a word or a row stands for.
     * @param {Element | null} target
     * @returns {HTMLElement[]}
     */
    function rowsOf(target) {
      if (!target) return [];
      if (target instanceof HTMLTableRowElement) return [target];
      const side = sideOf(target);
      const index = /** @type {HTMLElement} */ (target).dataset.word;
      const selector = `table[data-kind="pairs"] tr[data-${side}="${index}"]`;
      const rows = /** @type {HTMLElement[]} */ ([...root.querySelectorAll(selector)]);
      return rows.sort((a, b) => rank(a) - rank(b));
    }

    /** @param {HTMLElement[]} rows */
    function show(rows) {
      if (rows.length === shown.length && rows.every((row, i) => row === shown[i])) return;
      for (const old of root.querySelectorAll('.wa-on')) old.classList.remove('wa-on');
      root.classList.toggle('wa-active', rows.length > 0);
      shown = rows;
      for (const row of rows) {
        const { left, right } = row.dataset;
        tone(words.left.get(left))?.classList.add('wa-on');
        tone(words.right.get(right))?.classList.add('wa-on');
        const twins = root.querySelectorAll(`tr[data-left="${left}"][data-right="${right}"]`);
        for (const twin of twins) twin.classList.add('wa-on');
      }
      draw();
      readOut(readout, rows);
    }

    function draw() {
      lines.replaceChildren();
      const origin = texts.getBoundingClientRect();
      for (const row of shown.slice(0, LINES_DRAWN)) {
        const left = tone(words.left.get(row.dataset.left));
        const right = tone(words.right.get(row.dataset.right));
        // One may be in what is folded, or gone from the page.
        if (!left?.getClientRects().length || !right?.getClientRects().length) continue;
        const d = route(left, right, origin);
        lines.append(path(lines, d, 'wa-halo'), path(lines, d, ''));
      }
    }

    const update = () => show(rowsOf(hovered ?? focused));

    root.addEventListener('pointerover', (event) => {
      if (/** @type {PointerEvent} */ (event).pointerType === 'touch') return;
      hovered = targetOf(event);
      update();
    });
    root.addEventListener('pointerleave', () => {
      hovered = null;
      update();
    });
    root.addEventListener('focusin', (event) => {
      focused = targetOf(event);
      update();
    });
    root.addEventListener('focusout', () => {
      focused = null;
      update();
    });
    root.addEventListener('keydown', (event) => {
      const { key } = /** @type {KeyboardEvent} */ (event);
      const target = targetOf(event);
      if (key === 'Escape') {
        hovered = focused = null;
        update();
      } else if (target instanceof HTMLTableRowElement && key === 'Enter') {
        goToWord(target);
      }
    });
    // A pointer's click keeps the word shown; Enter follows the link to the word's row.
    root.addEventListener('click', (event) => {
      const word = targetOf(event);
      if (!word?.matches('a')) return;
      event.preventDefault();
      if (/** @type {MouseEvent} */ (event).detail) {
        /** @type {HTMLElement} */ (word).focus();
        word.scrollIntoView({ block: 'nearest' });
      } else {
        rowsOf(word)[0]?.focus();
      }
    });

    /** @param {HTMLTableRowElement} row */
    function goToWord(row) {
      const word = words.left.get(row.dataset.left);
      if (!word) return;
      word.closest('details')?.setAttribute('open', '');
      word.scrollIntoView({ block: 'center' });
      word.focus({ preventScroll: true });
    }

    new ResizeObserver(draw).observe(texts);
    // A text that stays in view moves against the other one.
    if (root.querySelector('.wa-sticks')) {
      const follow = () => {
        if (root.isConnected) requestAnimationFrame(draw);
        else removeEventListener('scroll', follow);
      };
      addEventListener('scroll', follow, { passive: true });
    }
    readOut(readout, []);
    readout.hidden = !root.querySelector('.wa-word');
  }

  /**
   * @param {Element} root
   * @param {Side} side
   * @returns {Map<string | undefined, HTMLElement>}
   */
  function wordsOf(root, side) {
    const found = root.querySelectorAll(`[data-side="${side}"] [data-word]`);
    const words = /** @type {HTMLElement[]} */ ([...found]);
    return new Map(words.map((word) => [word.dataset.word, word]));
  }

  /** The coloured part of a word. @param {Element | undefined} word */
  const tone = (word) => word?.querySelector('.wa-tone') ?? word;

  /** @param {Element} word */
  const sideOf = (word) =>
    /** @type {HTMLElement | null} */ (word.closest('[data-side]'))?.dataset.side;

  /** @param {HTMLElement} row */
  const rank = (row) => Number(/** @type {HTMLTableRowElement} */ (row).cells[0].dataset.value);

  /** What a cell of a table says, without its asides. @param {Element} cell */
  const textOf = (cell) => (cell.querySelector('bdi, .wa-said') ?? cell).textContent ?? '';

  /** The paired word or the row that an event is about. @param {Event} event */
  const targetOf = (event) =>
    /** @type {Element} */ (event.target).closest('.wa-word, tr[data-left]');

  /**
   * Where a line leaves or meets a word: on its underline, at one end of it.
   * @param {Element} word
   * @param {DOMRect} origin
   * @param {'start' | 'end'} end left end or right end
   * @returns {Point}
   */
  function anchor(word, origin, end) {
    const boxes = word.getClientRects();
    const box = boxes[end === 'end' ? boxes.length - 1 : 0];
    return {
      x: (end === 'end' ? box.right : box.left) - origin.left,
      y: box.bottom - origin.top,
    };
  }

  /**
   * A line between two words that runs below their lines of text, and crosses in the gutter; for
   * texts one above the other, it runs down the margin.
   * @param {Element} left
   * @param {Element} right
   * @param {DOMRect} origin
   */
  function route(left, right, origin) {
    const columns = [left, right].map((word) =>
      /** @type {Element} */ (word.closest('.wa-text')).getBoundingClientRect(),
    );
    const from = anchor(left, origin, 'end');
    if (columns[1].left >= columns[0].right) {
      const to = anchor(right, origin, 'start');
      const [out, into] = [columns[0].right - origin.left, columns[1].left - origin.left];
      const middle = (out + into) / 2;
      return `M${from.x},${from.y}H${out}C${middle},${from.y} ${middle},${to.y} ${into},${to.y}H${to.x}`;
    }
    const to = anchor(right, origin, 'end');
    const margin = origin.width - 4;
    const r = 8;
    return (
      `M${from.x},${from.y}H${margin - r}q${r},0 ${r},${r}` +
      `V${to.y - r}q0,${r} ${-r},${r}H${to.x}`
    );
  }

  /**
   * @param {SVGElement} lines
   * @param {string} d
   * @param {string} name
   */
  function path(lines, d, name) {
    const element = document.createElementNS(lines.namespaceURI, 'path');
    element.setAttribute('d', d);
    element.setAttribute('class', name);
    return element;
  }

  /**
   * @param {HTMLElement} readout
   * @param {HTMLElement[]} rows
   */
  function readOut(readout, rows) {
    const lines = rows.slice(0, PAIRS_READ_OUT).map(describe);
    const more = rows.length - lines.length;
    if (more > 0) lines.push(make('p', 'wa-hint', `and ${more} more`));
    if (!rows.length) {
      lines.push(make('p', 'wa-hint', 'Point at an underlined word, or move to it with Tab.'));
    }
    readout.replaceChildren(...lines);
  }

  /** One line of the readout, from the cells of a row. @param {HTMLElement} row */
  function describe(row) {
    const [rank, left, right, ...figures] = [
      .../** @type {HTMLTableRowElement} */ (row).cells,
    ].map(textOf);
    const words = make('strong', '');
    words.append(make('bdi', '', left), ' – ', make('bdi', '', right));
    const line = make('p', '');
    line.append(words);
    // A table without figures has none to read out: raters of a study are shown none.
    if (figures.length) {
      const [leftValue, rightValue, similarity, score] = figures;
      const named = row.closest('table')?.dataset.value ?? 'saliency';
      line.append(
        value(named, `${leftValue} – ${rightValue}`),
        value('similarity', similarity),
        value('score', score),
      );
    }
    line.append(value('rank', rank));
    return line;
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  function value(name, text) {
    const element = make('span', 'wa-value', `${name} `);
    element.append(make('b', '', text));
    return element;
  }

  /**
   * @param {string} tag
   * @param {string} name
   * @param {string} [text]
   */
  function make(tag, name, text = '') {
    const element = document.createElement(tag);
    if (name) element.className = name;
    element.textContent = text;
    return element;
  }

  function start() {
    for (const root of document.querySelectorAll('article.whyalike:not(.wa-comparison, [data-ready])')) {
      root.setAttribute('data-ready', '');
      setUp(root);
    }
  }

  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start);
  else start();
})();
