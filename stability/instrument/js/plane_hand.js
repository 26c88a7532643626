// The point of the plane in the hand: dragged by mouse or finger, or moved by the arrow keys along
// two sliders. When it is let go, the ray turns to pass through it.

import { onDrag } from "./drag.js";
import { digits, length } from "./format.js";
import { atHand } from "./model.js";
import { html, set } from "./nodes.js";

/** Of half the view: a step of the arrow keys, and one of PageUp and PageDown. */
const HAND_STEP = 0.02;
const HAND_PAGE = 0.2;
/** Of half the view: nearer to the state there is no direction to turn to. */
const NO_DIRECTION = 0.01;
/** Degrees within which the point counts as on the ray. */
const ON_RAY = 0.5;

/**
 * @param {import("./instrument.js").Instrument} instrument
 * @param {ReturnType<import("./plane_picture.js").planePicture>} picture
 * @param {() => number} half  half the width in view
 * @param {(factor: number) => void} zoom
 */
export function planeHand(instrument, picture, half, zoom) {
  const point = () => {
    const view = instrument.view();
    return view.point ?? [view.t, 0];
  };
  const release = () => releasePoint(instrument, point(), half());
  dragPlane(instrument, picture, half, { release, zoom });
  const sliders = ["x", "y"].map((axis) =>
    planeSlider(axis, (event) => {
      const moved = movedByKey(event.key, axis, point(), half());
      if (moved) instrument.change({ point: moved });
      else if (event.key === "Enter") release();
      else if (event.key === "Escape") instrument.change({ point: null });
      else return;
      event.preventDefault();
    }),
  );
  return { sliders, draw: (model, shown) => drawPlaneSliders(sliders, model, shown) };
}

function planeSlider(axis, onkeydown) {
  const orientation = axis === "x" ? "horizontal" : "vertical";
  return html("div", {
    role: "slider",
    tabindex: 0,
    class: `plane-slider plane-slider-${axis}`,
    "aria-orientation": orientation,
    "data-testid": `point-${axis}`,
    onkeydown,
  });
}

/** Follow the pointer over the plane; a finger there may want to scroll the page, but not on the point. */
function dragPlane(instrument, picture, half, { release, zoom }) {
  const drag = {
    // the page scrolls instead
    keep: () => () => instrument.change({ point: null }),
    move: (x, y) => instrument.change({ point: picture.under([x, y], half()) }),
    end: () => instrument.view().point && release(),
    pinch: ({ apart }) => zoom(apart),
  };
  for (const node of [picture.pane, picture.hand]) onDrag(node, picture.node, drag);
}

/**
 * Turn the ray through a point; one on the ray is taken on it.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {[number, number]} point
 * @param {number} half
 */
function releasePoint(instrument, [x, y], half) {
  const degrees = (Math.atan2(y, x) * 180) / Math.PI;
  const isOnRay = Math.abs(y) <= Math.abs(x) * Math.tan((ON_RAY * Math.PI) / 180);
  if (Math.hypot(x, y) < NO_DIRECTION * half) instrument.change({ point: null, t: 0 });
  else if (isOnRay) instrument.change({ point: null, t: x });
  else instrument.send({ kind: "turn", degrees: Number(degrees.toFixed(1)) });
}

/** Where a key takes the point; null for another key. */
function movedByKey(key, axis, [x, y], half) {
  const bounded = (value) => Math.max(-half, Math.min(half, value));
  const moved = (dx, dy) => [bounded(x + dx * half), bounded(y + dy * half)];
  const along = (amount) => (axis === "x" ? moved(amount, 0) : moved(0, amount));
  const moves = {
    ArrowLeft: () => moved(-HAND_STEP, 0),
    ArrowRight: () => moved(HAND_STEP, 0),
    ArrowUp: () => moved(0, HAND_STEP),
    ArrowDown: () => moved(0, -HAND_STEP),
    PageUp: () => along(HAND_PAGE),
    PageDown: () => along(-HAND_PAGE),
    Home: () => along(-2),
    End: () => along(2),
  };
  return moves[key]?.() ?? null;
}

function drawPlaneSliders(sliders, model, { half, point, unit, labels }) {
  const hand = atHand(model);
  const kl =
    hand?.kl === null || !hand
      ? "beyond what was computed"
      : `KL ${digits(hand.kl)} nats, most likely ${hand.text}`;
  sliders.forEach((slider, i) => {
    set(slider, {
      "aria-label": `The point along ${labels[i]}; arrow keys move it, Enter turns the ray through it, Escape puts it back`,
      "aria-valuemin": -half / unit.length,
      "aria-valuemax": half / unit.length,
      "aria-valuenow": Number((point[i] / unit.length).toPrecision(6)),
      "aria-valuetext": `${length(point[i], unit)}; ${kl}`,
    });
    slider.style.setProperty("--at", String((point[i] / half + 1) / 2));
  });
}
