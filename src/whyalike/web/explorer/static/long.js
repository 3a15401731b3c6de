/**
 * The map beside a long text shows which part of it is in the window, and leads to a sentence that
 * is clicked. Without it, the map shows where the matches are.
 */

const SHAPES = 'http://www.w3.org/2000/svg';

/** @param {SVGElement} map */
function setUp(map) {
  const long = /** @type {HTMLElement} */ (map.closest('.wa-long'));
  const places = /** @type {SVGRectElement[]} */ ([...map.querySelectorAll('[data-place]')]);
  const view = document.createElementNS(SHAPES, 'rect');
  view.setAttribute('class', 'wa-map-view');
  view.setAttribute('x', '0');
  view.setAttribute('width', '12');
  map.append(view);
  map.dataset.ready = '';

  /** @param {string} number */
  const sentence = (number) =>
    /** @type {HTMLElement | null} */ (long.querySelector(`[data-sentence="${number}"]`));

  /** @param {SVGRectElement} place @param {string} name */
  const length = (place, name) => Number(place.getAttribute(name));

  function update() {
    // What is folded counts where its line stands.
    const seen = places.filter((place) => {
      const one = sentence(place.dataset.place ?? '');
      const shown = one?.closest('details:not([open])') ?? one;
      const box = shown?.getBoundingClientRect();
      return box && box.bottom > 0 && box.top < innerHeight;
    });
    view.toggleAttribute('hidden', !seen.length);
    const [first, last] = [seen[0], seen.at(-1)];
    if (!first || !last) return;
    const top = length(first, 'y');
    view.setAttribute('y', String(top));
    view.setAttribute('height', String(length(last, 'y') + length(last, 'height') - top));
  }

  map.addEventListener('click', (event) => {
    const box = map.getBoundingClientRect();
    const at = (1000 * (event.clientY - box.top)) / box.height;
    const place = places.filter((one) => length(one, 'y') <= at).at(-1) ?? places[0];
    const target = sentence(place?.dataset.place ?? '');
    if (!target) return;
    target.closest('details')?.setAttribute('open', '');
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    target.scrollIntoView({ block: 'center', behavior: calm ? 'auto' : 'smooth' });
  });

  const follow = () => {
    if (map.isConnected) requestAnimationFrame(update);
    else removeEventListener('scroll', follow);
  };
  addEventListener('scroll', follow, { passive: true });
  new ResizeObserver(follow).observe(long);
  update();
}

function start() {
  const maps = document.querySelectorAll('.wa-map:not([data-ready])');
  for (const map of /** @type {NodeListOf<SVGElement>} */ (maps)) setUp(map);
}

document.addEventListener('whyalike:answered', start);
start();
