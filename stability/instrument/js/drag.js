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
export function onDrag(node, origin, drag) {
  const hand = new Hand(node, origin, drag);
  node.addEventListener("pointerdown", (event) => hand.press(event));
  // nothing is selected, and the focus stays where it is or is put
  node.addEventListener("mousedown", (event) => event.preventDefault());
  node.addEventListener("pointermove", (event) => hand.move(event));
  node.addEventListener("pointerup", (event) => hand.release(event));
  node.addEventListener("pointercancel", (event) => hand.release(event));
}

/** The pointers that are down on a node. */
class Hand {
  constructor(node, origin, drag) {
    Object.assign(this, { node, origin, drag });
    /** @type {Map<number, [number, number]>} */
    this.pointers = new Map();
    this.isDragging = false;
  }

  press(event) {
    if (event.button !== 0) return;
    this.node.setPointerCapture(event.pointerId);
    if (this.pointers.size === 0) {
      this.corner = this.origin.getBoundingClientRect();
      this.start = this.place(event);
      this.hasPinched = false;
    }
    this.pointers.set(event.pointerId, this.place(event));
    if (this.pointers.size === 1 && !this.drag.tap) this.follow(this.start);
  }

  move(event) {
    if (!this.pointers.has(event.pointerId)) return;
    const point = this.place(event);
    if (this.pointers.size === 2 && this.drag.pinch) {
      this.hasPinched = true;
      this.drag.pinch(...pinched(this.pointers, event.pointerId, point));
    }
    this.pointers.set(event.pointerId, point);
    const [x, y] = this.start;
    const isFar = this.isDragging || Math.hypot(point[0] - x, point[1] - y) > SLACK;
    if (this.pointers.size === 1 && !this.hasPinched && isFar) this.follow(point);
  }

  release(event) {
    if (!this.pointers.delete(event.pointerId) || this.pointers.size) return;
    const isTap = event.type === "pointerup" && !this.hasPinched;
    if (this.isDragging) this.drag.end?.();
    else if (isTap) this.drag.tap?.(...this.start);
    this.isDragging = false;
  }

  follow(point) {
    if (!this.isDragging) this.drag.start?.();
    this.isDragging = true;
    this.drag.move(...point);
  }

  place({ clientX, clientY }) {
    return [clientX - this.corner.left, clientY - this.corner.top];
  }
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
