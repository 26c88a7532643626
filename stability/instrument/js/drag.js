// The hand: a pointer that is followed from press to release, two that pinch, and the keys of a slider.

/** Pixels within which a press that moves is still a tap. */
const SLACK = 4;
/** Pixels that a finger moves to the side before it drags: up or down it scrolls the page. */
const SIDEWAYS = 6;
/** Pixels between two pointers that count as no nearer. */
const LEAST_APART = 8;

/**
 * @typedef {object} Drag
 * @property {(x: number, y: number) => void} move   in pixels of the origin; also where it is pressed
 * @property {() => void} [start]
 * @property {() => void} [end]
 * @property {() => () => void} [keep]  what puts back what is dragged, if the page takes the pointer to scroll
 * @property {(x: number, y: number) => void} [tap]  a press that does not move, which then is no drag
 * @property {(pinch: Pinch) => void} [pinch]  two pointers come nearer or go apart
 *
 * @typedef {object} Pinch  how much nearer two pointers have come; above one the view widens
 * @property {number} across  along the axis of x
 * @property {number} apart   in whatever direction
 * @property {number} x       the middle between them, in pixels of the origin
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
  // two fingers zoom what they lie on, and do not scroll the page
  const keepPage = (event) => drag.pinch && event.touches.length > 1 && event.cancelable && event.preventDefault();
  for (const kind of ["touchstart", "touchmove"]) node.addEventListener(kind, keepPage, { passive: false });
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
    this.mayScroll = event.pointerType === "touch" && getComputedStyle(this.node).touchAction === "pan-y";
    if (this.pointers.size === 1 && !this.drag.tap && !this.mayScroll) this.follow(this.start);
  }

  move(event) {
    if (!this.pointers.has(event.pointerId)) return;
    const point = this.place(event);
    if (this.pointers.size === 2 && this.drag.pinch) {
      this.giveUp();
      this.drag.pinch(pinched(this.pointers, event.pointerId, point));
    }
    this.pointers.set(event.pointerId, point);
    if (this.pointers.size === 1 && !this.hasPinched && this.isMeant(point)) this.follow(point);
  }

  /** Pinch from now on: what the first pointer has dragged is put back. */
  giveUp() {
    this.hasPinched = true;
    if (this.isDragging) this.putBack?.();
    this.isDragging = false;
  }

  /** Whether a press that has come this far is a drag. */
  isMeant([x, y]) {
    if (this.isDragging) return true;
    const [across, down] = [x - this.start[0], y - this.start[1]];
    return this.mayScroll ? Math.abs(across) > SIDEWAYS : Math.hypot(across, down) > SLACK;
  }

  release(event) {
    if (!this.pointers.delete(event.pointerId) || this.pointers.size) return;
    const isCancelled = event.type === "pointercancel";
    const isTap = !this.isDragging && !isCancelled && !this.hasPinched;
    if (isTap && this.drag.tap) this.drag.tap(...this.start);
    else if (isTap) this.follow(this.start);
    if (this.isDragging && isCancelled) this.putBack?.();
    if (this.isDragging) this.drag.end?.();
    this.isDragging = false;
  }

  follow(point) {
    if (!this.isDragging) {
      this.putBack = this.drag.keep?.();
      this.drag.start?.();
    }
    this.isDragging = true;
    this.drag.move(...point);
  }

  place({ clientX, clientY }) {
    return [clientX - this.corner.left, clientY - this.corner.top];
  }
}

/**
 * For `Drag.keep`: the parts of the view that a drag moves, as they are now.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {(keyof import("./view.js").View)[]} parts
 * @returns {() => void} sets them again
 */
export function keepView(instrument, parts) {
  const view = instrument.view();
  const kept = Object.fromEntries(parts.map((part) => [part, view[part]]));
  return () => instrument.change(kept);
}

/**
 * How much nearer two pointers have come as one of them moved, and the middle between them.
 * @returns {Pinch}
 */
function pinched(pointers, id, point) {
  const before = pointers.get(id);
  const [, other] = [...pointers].find(([each]) => each !== id);
  const ratio = (length) => {
    const [far, near] = [before, point].map((at) => Math.max(length(at[0] - other[0], at[1] - other[1]), LEAST_APART));
    return far / near;
  };
  return { across: ratio(Math.abs), apart: ratio(Math.hypot), x: (point[0] + other[0]) / 2 };
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
