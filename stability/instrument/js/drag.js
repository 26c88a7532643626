// The hand: a pointer that is followed from press to release, two that pinch, and the keys of a slider.

/** Pixels within which a press that moves is still a tap. */
const SLACK = 4;

/**
 * @typedef {object} Drag
 * @property {(x: number, y: number) => void} move   in pixels of the origin; also where it is pressed
 * @property {() => void} [start]
 * @property {() => void} [end]
 * @property {(x: number, y: number) => void} [tap]  a press that does not move, which then is no drag
 * @property {(ratio: number, x: number) => void} [pinch]  two pointers come nearer or go apart
 */

/**
 * Follow a pointer pressed on a node, however far it goes.
 * @param {Element} node
 * @param {Element} origin  of the coordinates
 * @param {Drag} drag
 */
export function onDrag(node, origin, { move, start, end, tap, pinch }) {
  /** @type {Map<number, [number, number]>} */
  const pointers = new Map();
  let corner = null;
  let pressed = null;
  let isDragging = false;
  let hasPinched = false;
  const place = (event) => [event.clientX - corner.left, event.clientY - corner.top];

  function follow(point) {
    if (!isDragging) start?.();
    isDragging = true;
    move(...point);
  }

  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    node.setPointerCapture(event.pointerId);
    if (pointers.size === 0) {
      corner = origin.getBoundingClientRect();
      pressed = place(event);
      hasPinched = false;
    }
    pointers.set(event.pointerId, place(event));
    if (pointers.size === 1 && !tap) follow(pressed);
  });
  // nothing is selected, and the focus stays where it is or is put
  node.addEventListener("mousedown", (event) => event.preventDefault());
  node.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    const point = place(event);
    if (pointers.size === 2 && pinch) {
      hasPinched = true;
      pinch(...pinched(pointers, event.pointerId, point));
    }
    pointers.set(event.pointerId, point);
    const isFar = isDragging || Math.hypot(point[0] - pressed[0], point[1] - pressed[1]) > SLACK;
    if (pointers.size === 1 && !hasPinched && isFar) follow(point);
  });

  function release(event) {
    if (!pointers.delete(event.pointerId) || pointers.size) return;
    if (isDragging) end?.();
    else if (event.type === "pointerup" && !hasPinched) tap?.(...pressed);
    isDragging = false;
  }
  node.addEventListener("pointerup", release);
  node.addEventListener("pointercancel", release);
}

/** How much nearer two pointers have come as one of them moved, and the middle between them. */
function pinched(pointers, id, point) {
  const before = pointers.get(id);
  const [, other] = [...pointers].find(([each]) => each !== id);
  const [far, near] = [before, point].map((at) => Math.max(Math.abs(at[0] - other[0]), 8));
  return [far / near, (point[0] + other[0]) / 2];
}

/**
 * What keys do on a node; with a command key they are left to the browser.
 * @param {HTMLElement | SVGElement} node
 * @param {Record<string, (event: KeyboardEvent) => void>} keys  by the name of the key
 */
export function onKeys(node, keys) {
  node.addEventListener("keydown", (event) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    act(event);
  });
}

/**
 * The keys of a slider, each of which counts.
 * @param {HTMLElement | SVGElement} node
 * @param {(steps: number, event: KeyboardEvent) => void} step
 * @param {{low: () => void, high: () => void, page: number}} ends
 */
export function onSliderKeys(node, step, { low, high, page }) {
  const by = (steps) => (event) => step(steps, event);
  onKeys(node, {
    ArrowLeft: by(-1),
    ArrowDown: by(-1),
    ArrowRight: by(1),
    ArrowUp: by(1),
    PageDown: by(-page),
    PageUp: by(page),
    Home: low,
    End: high,
  });
}
