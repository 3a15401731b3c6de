/**
 * Draws lines between the words of pairs, and makes each explanation on the page answer to pointing
 * and the keyboard: shows a word with its partners and their rows. Without it, all can be read.
 */
(() => {
  'use strict';

  /** @typedef {'left' | 'right'} Side */
  /** @typedef {{ x: number, y: number }} Point */
  /** @typedef {{ row: HTMLElement, left: Element, right: Element, number: number }} Link */

  const LINES_DRAWN = 12;
  /** Of texts one above the other, whose lines share a margin. */
  const LINES_STACKED = 5;
  const COLOURS = 6;
  /** Below a line of text there is room for so many lines. */
  const TRACKS = 4;
  const TRACK = 3;
  const CORNER = 6;
  const MARGIN_TRACK = 6;
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

    /** The links that are always drawn are the best ones; those of what is pointed at join them. */
    function draw() {
      lines.replaceChildren();
      const stacked = isStacked(texts);
      const most = stacked ? LINES_STACKED : LINES_DRAWN;
      const always = root.hasAttribute('data-links') ? pairRows().slice(0, most) : [];
      const pointed = shown.slice(0, LINES_DRAWN);
      const links = [...new Set([...always, ...pointed])].flatMap((row) => linkOf(row));
      const origin = texts.getBoundingClientRect();
      const below = { left: tracks(links, 'left'), right: tracks(links, 'right') };
      // The best are drawn last, and what is pointed at after them.
      const isShown = (/** @type {Link} */ link) => Number(shown.includes(link.row));
      links.sort((a, b) => isShown(a) - isShown(b) || b.number - a.number);
      for (const link of links) {
        const d = route(link, origin, below, stacked);
        const on = shown.includes(link.row) ? ' wa-on' : '';
        const named = `wa-w${link.row.dataset.weight} wa-p${((link.number - 1) % COLOURS) + 1}`;
        lines.append(path(lines, d, `wa-halo${on}`), path(lines, d, named + on));
      }
    }

    /** The rows of selected pairs, best first. */
    function pairRows() {
      const found = root.querySelectorAll('table[data-kind="pairs"] tr[data-left]');
      const rows = /** @type {HTMLElement[]} */ ([...found]);
      return rows.sort((a, b) => rank(a) - rank(b));
    }

    /** What a row links; nothing where a word is not there, or not to be seen. @param {HTMLElement} row */
    function linkOf(row) {
      const left = tone(words.left.get(row.dataset.left));
      const right = tone(words.right.get(row.dataset.right));
      if (!left?.getClientRects().length || !right?.getClientRects().length) return [];
      return [{ row, left, right, number: rank(row) }];
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

  /** Whether the texts stand one above the other. @param {Element} texts */
  function isStacked(texts) {
    const [left, right] = [...texts.querySelectorAll('.wa-text')].map((text) =>
      text.getBoundingClientRect(),
    );
    return !!left && !!right && right.left < left.right;
  }

  /**
   * How far below its word each link runs: words of one line have tracks of their own, the one that
   * is nearest to where links cross the highest.
   * @param {Link[]} links
   * @param {Side} side
   * @returns {Map<Element, number>}
   */
  function tracks(links, side) {
    /** @type {Map<number, Set<Element>>} */
    const byLine = new Map();
    for (const link of links) {
      const boxes = link[side].getClientRects();
      const line = Math.round(boxes[side === 'left' ? boxes.length - 1 : 0].bottom / 6);
      byLine.set(line, (byLine.get(line) ?? new Set()).add(link[side]));
    }
    const found = new Map();
    const sign = side === 'left' ? -1 : 1;
    for (const words of byLine.values()) {
      const middle = (/** @type {Element} */ word) => word.getBoundingClientRect().left;
      [...words]
        .sort((a, b) => sign * (middle(a) - middle(b)))
        .forEach((word, at) => found.set(word, TRACK * (1 + (at % TRACKS))));
    }
    return found;
  }

  /**
   * A line between two words that runs below their lines of text, and crosses in the gutter; for
   * texts one above the other, it runs down the margin.
   * @param {Link} link
   * @param {DOMRect} origin
   * @param {Record<Side, Map<Element, number>>} below
   * @param {boolean} stacked
   */
  function route(link, origin, below, stacked) {
    const columns = [link.left, link.right].map((word) =>
      /** @type {Element} */ (word.closest('.wa-text')).getBoundingClientRect(),
    );
    const from = anchor(link.left, origin, 'end');
    const out = from.y + (below.left.get(link.left) ?? TRACK);
    const r = Math.min(CORNER, out - from.y);
    // Out of its word, round the corner, below the rest of its line.
    const start = `M${from.x - r - 2},${from.y}q0,${out - from.y} ${r},${out - from.y}`;
    if (!stacked) {
      const to = anchor(link.right, origin, 'start');
      const into = to.y + (below.right.get(link.right) ?? TRACK);
      const q = Math.min(CORNER, into - to.y);
      const [left, right] = [columns[0].right - origin.left, columns[1].left - origin.left];
      const middle = (left + right) / 2;
      return (
        `${start}H${left}C${middle},${out} ${middle},${into} ${right},${into}` +
        `H${to.x + 2}q${q},0 ${q},${to.y - into}`
      );
    }
    const to = anchor(link.right, origin, 'end');
    const into = to.y + (below.right.get(link.right) ?? TRACK);
    const q = Math.min(CORNER, into - to.y);
    const margin = origin.width - 3 - MARGIN_TRACK * ((link.number - 1) % LINES_STACKED);
    return (
      `${start}H${margin - 8}q8,0 8,8V${into - 8}q0,8 -8,8` +
      `H${to.x - 2}q${-q},0 ${-q},${to.y - into}`
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
      const how = matchMedia('(hover: none)').matches
        ? 'Tap an underlined word.'
        : 'Point at an underlined word, or move to it with Tab.';
      lines.push(make('p', 'wa-hint', how));
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

  /**
   * Takes over whether the page around is dark: notebooks have themes of their own, of which a
   * browser says nothing. A page of ours is as the system is.
   * @param {HTMLElement} root
   */
  function matchScheme(root) {
    if (root.closest('.whyalike-page')) return;
    for (let around = root.parentElement; around; around = around.parentElement) {
      const [red, green, blue, alpha = 1] = (
        getComputedStyle(around).backgroundColor.match(/[\d.]+/g) ?? []
      ).map(Number);
      if (blue === undefined || alpha < 0.5) continue;
      root.dataset.scheme = 0.299 * red + 0.587 * green + 0.114 * blue < 128 ? 'dark' : 'light';
      return;
    }
  }

  function start() {
    const parts = document.querySelectorAll(':is(.whyalike, .whyalike-part):not([data-scheme])');
    for (const part of /** @type {NodeListOf<HTMLElement>} */ (parts)) matchScheme(part);
    for (const root of document.querySelectorAll('article.whyalike:not(.wa-comparison, [data-ready])')) {
      root.setAttribute('data-ready', '');
      setUp(root);
    }
  }

  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start);
  else start();
})();
