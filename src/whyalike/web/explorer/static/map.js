/**
 * Draws the points of an index, and lets one look round: point, drag, zoom, search, pick two. Points are
 * written into the picture's own memory, which is fast with tens of thousands of them; what moves with
 * the pointer is on a second canvas above. Without it, the items are in a table.
 */

/** @typedef {{ x: Float32Array, y: Float32Array, codes: Uint8Array | null, count: number }} Points */
/** @typedef {{ kind: string, legend: [string, number][] }} Colours */

const FINEST = 32767;
const NEAR = 14;
const MOST_ZOOM = 200;
const KEY_ZOOM = 1.5;
const TYPING = 120;
const PADDING = 24;
/** Okabe and Ito's colours, told apart by who sees few; the last is for all others. */
const NAMES = {
  light: ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#4b2a7b', '#8a93a0', '#c3c9d1'],
  dark: ['#4aa3df', '#f0803c', '#2fc79b', '#e39ac3', '#f2b233', '#a8dcf8', '#f4f6f8', '#8a93a0', '#4a525e'],
};
/** A scale of lightness, as viridis has it. */
const STEPS = {
  light: ['#c7b800', '#5fae4a', '#1f9a8a', '#2c728e', '#414487', '#35105a'],
  dark: ['#5a4b9c', '#4a7fb5', '#2fa39a', '#54c06a', '#a8db34', '#fde725'],
};

const root = document.getElementById('map');
if (root) start(root);

/** @param {HTMLElement} root */
function start(root) {
  const pointsCanvas = /** @type {HTMLCanvasElement} */ (document.getElementById('map-points'));
  const marksCanvas = /** @type {HTMLCanvasElement} */ (document.getElementById('map-marks'));
  const tip = /** @type {HTMLElement} */ (document.getElementById('map-tip'));
  const status = /** @type {HTMLElement} */ (document.getElementById('map-said'));
  const legend = /** @type {HTMLElement} */ (document.getElementById('map-legend'));
  const pairPlace = /** @type {HTMLElement} */ (document.getElementById('map-pair'));
  const find = /** @type {HTMLInputElement} */ (document.getElementById('map-find'));
  const choice = /** @type {HTMLSelectElement | null} */ (document.getElementById('colour'));
  const painting = /** @type {CanvasRenderingContext2D} */ (
    // Its pixels are written by us, and nothing of it is drawn by a graphics card.
    pointsCanvas.getContext('2d', { willReadFrequently: true }));
  const marking = /** @type {CanvasRenderingContext2D} */ (marksCanvas.getContext('2d'));
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const index = root.dataset.index ?? '';

  /** @type {Points | null} */
  let points = null;
  /** @type {Colours} */
  let colours = { kind: 'names', legend: [] };
  /** @type {[string, string][]} */
  let titles = [];
  /** Titles as they are searched. @type {string[]} */
  let searched = [];
  /** @type {Uint8Array | null} */
  let lit = null;
  /** Codes that are not drawn. @type {Set<number>} */
  const hidden = new Set();
  let [width, height, ratio] = [0, 0, 1];
  let [zoom, left, top] = [1, 0, 0];
  let hovered = -1;
  /** @type {number[]} */
  let picked = [];
  /** @type {ImageData | null} */
  let picture = null;
  /** @type {Uint32Array} */
  let ink = new Uint32Array(0);
  /** Points as they are drawn, and their colours. */
  let order = new Int32Array(0);
  let inks = new Uint32Array(0);
  let hasMarks = false;
  let line = getComputedStyle(root).color;
  let isAsked = { points: false, marks: false };
  /** Cells of a grid with the points in them, for what is nearest. @type {Map<number, number[]>} */
  let cells = new Map();
  const CELLS = 128;

  const scale = () => (zoom * (Math.min(width, height) - 2 * PADDING)) / 2;
  /** @param {number} i */
  const across = (i) => width / 2 + left + /** @type {Points} */ (points).x[i] * scale();
  /** @param {number} i */
  const down = (i) => height / 2 + top - /** @type {Points} */ (points).y[i] * scale();

  function fit() {
    const box = /** @type {HTMLElement} */ (pointsCanvas.parentElement).getBoundingClientRect();
    ratio = Math.min(2, devicePixelRatio || 1);
    [width, height] = [Math.max(1, box.width), Math.max(1, box.height)];
    for (const canvas of [pointsCanvas, marksCanvas]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    picture = painting.createImageData(pointsCanvas.width, pointsCanvas.height);
    ink = new Uint32Array(picture.data.buffer);
    ask('points');
  }

  /** @param {'points' | 'marks'} what */
  function ask(what) {
    if (!isAsked.points && !isAsked.marks) requestAnimationFrame(draw);
    isAsked[what] = true;
  }

  function draw() {
    const { points: all } = isAsked;
    isAsked = { points: false, marks: false };
    if (!points) return;
    if (all) drawPoints(points);
    drawMarks();
  }

  /** @param {string} colour as #rrggbb @param {number} [alpha] */
  function inkOf(colour, alpha = 255) {
    const value = parseInt(colour.slice(1), 16);
    // The bytes stand in the order of a picture's: red, green, blue, alpha.
    return ((alpha << 24) | ((value & 255) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
  }

  function palette() {
    const set = colours.kind === 'steps' ? STEPS : NAMES;
    const own = dark.matches ? set.dark : set.light;
    const rest = dark.matches ? NAMES.dark : NAMES.light;
    const shown = colours.legend.map(([name], code) => {
      if (name === 'other values') return rest[7];
      if (name === 'no value') return rest[8];
      if (colours.kind !== 'steps') return own[code % 7];
      const steps = colours.legend.filter(([one]) => one !== 'no value').length;
      return own[steps < 2 ? 0 : Math.round((code * (own.length - 1)) / (steps - 1))];
    });
    return shown.length ? shown : [own[0]];
  }

  /**
   * The order in which points are drawn: all others lie below what has a name, and what is lit up lies
   * on top of all.
   */
  function makeOrder() {
    if (!points) return;
    const { codes, count } = points;
    const rank = (/** @type {number} */ i) => (lit ? 256 * lit[i] : 0) - (codes ? codes[i] : 0);
    const shown = [];
    for (let i = 0; i < count; i += 1) if (isShown(i)) shown.push(i);
    shown.sort((one, other) => rank(one) - rank(other) || one - other);
    order = Int32Array.from(shown);
    const [strong, pale] = [palette().map((c) => inkOf(c)), palette().map((c) => inkOf(c, 46))];
    inks = Uint32Array.from(shown, (i) => (lit && !lit[i] ? pale : strong)[codes ? codes[i] : 0]);
    ask('points');
  }

  /** @param {Points} points */
  function drawPoints({ x, y, count }) {
    if (!picture) return;
    ink.fill(0);
    const [wide, high] = [picture.width, picture.height];
    const base = count > 5000 ? 1.6 : count > 500 ? 3 : 6;
    const size = Math.max(2, Math.round(ratio * base * Math.min(3, Math.sqrt(zoom))));
    const stamp = disc(size, wide);
    const pixels = stamp.length;
    const [s, ox, oy] = [scale() * ratio, (width / 2 + left) * ratio, (height / 2 + top) * ratio];
    const [right, bottom] = [wide - size, high - size];
    for (let n = 0; n < order.length; n += 1) {
      const i = order[n];
      const px = (ox + x[i] * s) | 0;
      const py = (oy - y[i] * s) | 0;
      if (px < size || py < size || px >= right || py >= bottom) continue;
      const at = py * wide + px;
      const colour = inks[n];
      for (let k = 0; k < pixels; k += 1) ink[at + stamp[k]] = colour;
    }
    painting.putImageData(picture, 0, 0);
  }

  /**
   * The pixels of a disc, by how far they are from its middle in the picture's memory.
   * @param {number} size its diameter
   * @param {number} wide pixels of a row
   */
  function disc(size, wide) {
    const found = [];
    const r = size / 2;
    for (let dy = -Math.ceil(r); dy <= r; dy += 1) {
      for (let dx = -Math.ceil(r); dx <= r; dx += 1) {
        if ((dx + 0.5) ** 2 + (dy + 0.5) ** 2 <= r * r + 0.3) found.push(dy * wide + dx);
      }
    }
    return Int32Array.from(found);
  }

  function drawMarks() {
    const isEmpty = !picked.length && hovered < 0;
    // A canvas that changes is put together anew, which takes as long as the points themselves.
    if (isEmpty && !hasMarks) return;
    hasMarks = !isEmpty;
    marking.setTransform(ratio, 0, 0, ratio, 0, 0);
    marking.clearRect(0, 0, width, height);
    if (picked.length === 2) {
      marking.strokeStyle = line;
      marking.lineWidth = 1.5;
      marking.setLineDash([5, 4]);
      marking.beginPath();
      marking.moveTo(across(picked[0]), down(picked[0]));
      marking.lineTo(across(picked[1]), down(picked[1]));
      marking.stroke();
      marking.setLineDash([]);
    }
    const shown = /** @type {[number, string][]} */ ([
      ...picked.map((i, n) => [i, String(n + 1)]),
      ...(hovered >= 0 && !picked.includes(hovered) ? [[hovered, '']] : []),
    ]);
    for (const [i, name] of shown) {
      marking.beginPath();
      marking.arc(across(i), down(i), name ? 9 : 7, 0, 2 * Math.PI);
      marking.strokeStyle = line;
      marking.lineWidth = name ? 2.5 : 2;
      marking.stroke();
      if (!name) continue;
      marking.font = '600 13px system-ui, sans-serif';
      marking.fillStyle = line;
      marking.fillText(name, across(i) + 12, down(i) - 8);
    }
    showTip();
  }

  function showTip() {
    const at = hovered;
    tip.hidden = at < 0;
    if (at < 0) return;
    tip.textContent = nameOf(at);
    const [x, y] = [across(at), down(at)];
    tip.style.left = `${Math.min(Math.max(8, x + 12), Math.max(8, width - tip.offsetWidth - 8))}px`;
    tip.style.top = `${y + 16 + tip.offsetHeight > height ? y - tip.offsetHeight - 12 : y + 14}px`;
  }

  /** @param {number} i */
  const nameOf = (i) => titles[i]?.[1] || titles[i]?.[0] || `item ${i + 1}`;

  /** @param {Points} points */
  function makeCells({ x, y, count }) {
    cells = new Map();
    for (let i = 0; i < count; i += 1) {
      const cell = cellOf(x[i], y[i]);
      const known = cells.get(cell);
      if (known) known.push(i);
      else cells.set(cell, [i]);
    }
  }

  /** @param {number} x @param {number} y */
  const cellOf = (x, y) => column(y) * CELLS + column(x);
  /** @param {number} v */
  const column = (v) => Math.min(CELLS - 1, Math.max(0, Math.floor(((v + 1) / 2) * CELLS)));
  /** @param {number} i */
  const isShown = (i) => !hidden.has(points?.codes ? points.codes[i] : 0);

  /** The point under the pointer, or -1. @param {number} px @param {number} py */
  function nearest(px, py) {
    if (!points) return -1;
    const [x, y] = [(px - width / 2 - left) / scale(), -(py - height / 2 - top) / scale()];
    const reach = NEAR / scale();
    let [best, least] = [-1, reach * reach];
    for (let row = column(y - reach); row <= column(y + reach); row += 1) {
      for (let col = column(x - reach); col <= column(x + reach); col += 1) {
        for (const i of cells.get(row * CELLS + col) ?? []) {
          if (!isShown(i)) continue;
          const far = (points.x[i] - x) ** 2 + (points.y[i] - y) ** 2;
          // What is lit up is meant rather than what is not.
          const weighed = lit && !lit[i] ? 4 * far : far;
          if (weighed < least) [best, least] = [i, weighed];
        }
      }
    }
    return best;
  }

  /** The nearest point in a direction, sideways steps counting more. @param {number} dx @param {number} dy */
  function step(dx, dy) {
    if (!points) return;
    if (hovered < 0) {
      hovered = nearestOfAll(-left / scale(), top / scale());
    } else {
      const [x, y] = [points.x[hovered], points.y[hovered]];
      let [best, least] = [-1, Infinity];
      for (let i = 0; i < points.count; i += 1) {
        if (i === hovered || !isShown(i) || (lit && !lit[i])) continue;
        const [ox, oy] = [points.x[i] - x, points.y[i] - y];
        const along = ox * dx + oy * dy;
        const aside = Math.abs(ox * dy) + Math.abs(oy * dx);
        if (along <= 0 || aside > 2 * along) continue;
        const far = along + 2 * aside;
        if (far < least) [best, least] = [i, far];
      }
      if (best >= 0) hovered = best;
    }
    keepInSight();
    ask('marks');
    status.textContent = `${nameOf(hovered)}. Enter picks it.`;
  }

  /** @param {number} x @param {number} y */
  function nearestOfAll(x, y) {
    if (!points) return -1;
    let [best, least] = [-1, Infinity];
    for (let i = 0; i < points.count; i += 1) {
      if (!isShown(i) || (lit && !lit[i])) continue;
      const far = (points.x[i] - x) ** 2 + (points.y[i] - y) ** 2;
      if (far < least) [best, least] = [i, far];
    }
    return best;
  }

  function keepInSight() {
    if (hovered < 0) return;
    const [x, y] = [across(hovered), down(hovered)];
    const [dx, dy] = [
      x < PADDING ? PADDING - x : x > width - PADDING ? width - PADDING - x : 0,
      y < PADDING ? PADDING - y : y > height - PADDING ? height - PADDING - y : 0,
    ];
    if (!dx && !dy) return;
    [left, top] = [left + dx, top + dy];
    ask('points');
  }

  /** @param {number} by @param {number} [px] @param {number} [py] */
  function zoomBy(by, px = width / 2, py = height / 2) {
    const next = Math.min(MOST_ZOOM, Math.max(1, zoom * by));
    const real = next / zoom;
    left = px - width / 2 - (px - width / 2 - left) * real;
    top = py - height / 2 - (py - height / 2 - top) * real;
    zoom = next;
    if (zoom === 1) [left, top] = [0, 0];
    ask('points');
  }

  /** @param {number} i */
  function pick(i) {
    if (i < 0) return;
    if (picked.length === 2) picked = [];
    if (picked.includes(i)) picked = picked.filter((one) => one !== i);
    else picked = [...picked, i];
    pairPlace.replaceChildren();
    if (picked.length === 1) {
      status.textContent = `First: ${nameOf(picked[0])}. Pick a second one.`;
    } else if (picked.length === 2) {
      explain();
    }
    ask('marks');
  }

  function letGo() {
    [picked, hovered] = [[], -1];
    pairPlace.replaceChildren();
    status.textContent = said();
    ask('marks');
  }

  function explain() {
    const [first, second] = picked;
    if (!titles.length) {
      status.textContent = 'The titles are still loading; pick again in a moment.';
      picked = [];
      return;
    }
    const asked = new URLSearchParams({ index, item: titles[first][0], hit: titles[second][0] });
    const details = document.createElement('details');
    details.className = 'whyalike-whole';
    details.dataset.opens = '';
    const summary = document.createElement('summary');
    summary.textContent = 'Why are these two alike?';
    const note = document.createElement('p');
    note.className = 'wa-note';
    const link = document.createElement('a');
    link.href = `/catalogue/why?${asked}`;
    link.textContent = 'Open it on a page of its own';
    note.append(link);
    details.append(summary, note);
    const names = document.createElement('p');
    names.className = 'ex-map-names';
    names.textContent = `1 ${nameOf(first)} – 2 ${nameOf(second)}`;
    pairPlace.replaceChildren(names, details);
    // That is asked for when it is opened, by the script of all pages.
    details.open = true;
    status.textContent = `Picked: ${nameOf(first)}, and ${nameOf(second)}. Their explanation is below.`;
  }

  function said() {
    const count = points?.count.toLocaleString('en') ?? '';
    if (!lit) return `${count} items. Point at one for its title; click two to compare them.`;
    const found = lit.reduce((sum, one) => sum + one, 0);
    return `${found.toLocaleString('en')} of ${count} titles have it.`;
  }

  function search() {
    const words = find.value.toLocaleLowerCase().split(/\s+/u).filter(Boolean);
    lit = words.length
      ? Uint8Array.from(searched, (title) => Number(words.every((word) => title.includes(word))))
      : null;
    status.textContent = said();
    makeOrder();
  }

  function showLegend() {
    const colour = palette();
    const items = colours.legend.map(([name, count], code) => {
      const item = document.createElement('li');
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'ex-small';
      button.setAttribute('aria-pressed', String(!hidden.has(code)));
      const swatch = document.createElement('i');
      swatch.style.backgroundColor = colour[code];
      const label = document.createElement('bdi');
      label.textContent = name;
      const number = document.createElement('span');
      number.textContent = count.toLocaleString('en');
      button.append(swatch, label, number);
      button.addEventListener('click', () => {
        if (hidden.has(code)) hidden.delete(code);
        else hidden.add(code);
        button.setAttribute('aria-pressed', String(!hidden.has(code)));
        makeOrder();
      });
      item.append(button);
      return item;
    });
    legend.replaceChildren(...items);
  }

  /** @param {string} said @param {number} bytes of a number */
  function unpack(said, bytes) {
    const raw = atob(said);
    const whole = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i += 1) whole[i] = raw.charCodeAt(i);
    if (bytes === 1) return whole;
    const view = new DataView(whole.buffer);
    return Float32Array.from({ length: whole.length / 2 }, (_, i) => view.getInt16(2 * i, true) / FINEST);
  }

  /** @param {string} what @param {Record<string, string>} [more] */
  async function load(what, more = {}) {
    const answer = await fetch(`/catalogue/map/${what}?${new URLSearchParams({ index, ...more })}`, {
      headers: { Accept: 'application/json' },
    });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  }

  async function loadPoints() {
    const colour = choice?.value ?? '';
    const found = await load('points', colour ? { colour } : { plain: 'yes' });
    points = {
      x: /** @type {Float32Array} */ (unpack(found.x, 2)),
      y: /** @type {Float32Array} */ (unpack(found.y, 2)),
      codes: found.codes ? /** @type {Uint8Array} */ (unpack(found.codes, 1)) : null,
      count: found.count,
    };
    colours = { kind: found.kind, legend: found.legend };
    hidden.clear();
    makeCells(points);
    showLegend();
    status.textContent = said();
    makeOrder();
    requestAnimationFrame(() => requestAnimationFrame(() => performance.mark('map-drawn')));
  }

  async function begin() {
    try {
      await loadPoints();
      titles = await load('titles');
      searched = titles.map(([, title]) => title.toLocaleLowerCase());
      root.dataset.ready = '';
      if (find.value) search();
    } catch {
      status.textContent = 'The map could not be loaded: load the page anew, or use the table.';
    }
  }

  /** @param {PointerEvent | WheelEvent} event @returns {[number, number]} */
  const placeOf = (event) => {
    const box = marksCanvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  /** @type {Map<number, [number, number]>} */
  const pointers = new Map();
  let moved = 0;
  marksCanvas.addEventListener('pointerdown', (event) => {
    marksCanvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, placeOf(event));
    moved = 0;
  });
  marksCanvas.addEventListener('pointermove', (event) => {
    const place = placeOf(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      const found = nearest(...place);
      if (found !== hovered) {
        hovered = found;
        ask('marks');
      }
      return;
    }
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    const [dx, dy] = [place[0] - before[0], place[1] - before[1]];
    moved += Math.abs(dx) + Math.abs(dy);
    pointers.set(event.pointerId, place);
    if (other) {
      const [was, is] = [before, place].map(([x, y]) => Math.hypot(x - other[0], y - other[1]));
      if (was > 0) zoomBy(is / was, (place[0] + other[0]) / 2, (place[1] + other[1]) / 2);
    } else if (moved > 4) {
      [left, top] = [left + dx, top + dy];
      hovered = -1;
      ask('points');
    }
  });
  marksCanvas.addEventListener('pointerup', (event) => {
    pointers.delete(event.pointerId);
    if (moved <= 4) {
      hovered = nearest(...placeOf(event));
      pick(hovered);
      ask('marks');
    }
  });
  marksCanvas.addEventListener('pointercancel', (event) => pointers.delete(event.pointerId));
  marksCanvas.addEventListener('pointerleave', () => {
    if (document.activeElement === marksCanvas || hovered < 0) return;
    hovered = -1;
    ask('marks');
  });
  // With Ctrl only, as the page scrolls by the wheel; a pinch on a touchpad comes with it.
  marksCanvas.addEventListener(
    'wheel',
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoomBy(Math.exp(-event.deltaY / 300), ...placeOf(event));
    },
    { passive: false },
  );
  marksCanvas.addEventListener('keydown', (event) => {
    /** @type {Record<string, [number, number]>} */
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (steps[event.key]) step(...steps[event.key]);
    else if (event.key === 'Enter' || event.key === ' ') pick(hovered);
    else if (event.key === '+' || event.key === '=') zoomBy(KEY_ZOOM, ...middle());
    else if (event.key === '-') zoomBy(1 / KEY_ZOOM, ...middle());
    else if (event.key === '0') zoomBy(0);
    else if (event.key === 'Escape') letGo();
    else return;
    event.preventDefault();
  });
  /** @returns {[number, number]} */
  const middle = () =>
    hovered >= 0 && points ? [across(hovered), down(hovered)] : [width / 2, height / 2];
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (root.querySelectorAll('[data-zoom]'))) {
    button.addEventListener('click', () => {
      const by = { in: KEY_ZOOM, out: 1 / KEY_ZOOM, all: 0 }[button.dataset.zoom ?? 'all'] ?? 0;
      zoomBy(by);
    });
  }
  let timer = 0;
  find.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(search, TYPING);
  });
  find.form?.addEventListener('submit', (event) => event.preventDefault());
  choice?.addEventListener('change', async () => {
    const url = new URL(location.href);
    url.searchParams.set('colour', choice.value);
    history.replaceState(null, '', url);
    try {
      await loadPoints();
    } catch {
      status.textContent = 'The colours could not be loaded: choose again.';
    }
  });
  const other = /** @type {HTMLSelectElement | null} */ (document.getElementById('index'));
  other?.addEventListener('change', () => {
    location.search = new URLSearchParams({ index: other.value }).toString();
  });
  dark.addEventListener('change', () => {
    line = getComputedStyle(root).color;
    showLegend();
    makeOrder();
  });
  new ResizeObserver(fit).observe(/** @type {HTMLElement} */ (pointsCanvas.parentElement));
  fit();
  begin();
}
