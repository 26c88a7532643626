// The axes of a ray: how far each side is drawn, and how high. A side is drawn past its boundary and past
// the predicted radius, whichever is further, and past a first flip that is not far beyond. The axes
// follow ε, unless they are fixed or held while the hand drags ε along them.

import { sides } from "./model.js";

/** Length in predicted radii of a side whose boundary is not reached. */
const UNREACHED_LENGTH = 3;
/** A side is drawn to a multiple of its boundary or radius, and to one of its first flip. */
const BEYOND_BOUNDARY = 1.35;
const BEYOND_FLIP = 1.15;
/** Multiple of ε at which the divergence's axis ends. */
const TOP = 3;

/**
 * @typedef {object} Axes
 * @property {[number, number]} whole  ends of the ray, in coordinates
 * @property {[number, number]} ends   those in view
 * @property {number} top              nats
 */

/** @type {WeakMap<object, {epsilon: number | null, isHeld: boolean}>} of each instrument */
const kept = new WeakMap();
/** @type {WeakMap<object, Axes | null>} of each model */
const made = new WeakMap();

/**
 * The axes of a model's ray.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {import("./model.js").Model} model
 * @returns {Axes | null} null in a direction without curvature
 */
export function rayAxes(instrument, model) {
  if (!made.has(model)) made.set(model, axesOf(stateOf(instrument), model));
  return made.get(model);
}

/**
 * Hold the axes where they are, or let them follow ε again.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {boolean} isHeld
 */
export function holdAxes(instrument, isHeld) {
  stateOf(instrument).isHeld = isHeld;
  instrument.redraw();
}

function stateOf(instrument) {
  if (!kept.has(instrument)) kept.set(instrument, { epsilon: null, isHeld: false });
  return kept.get(instrument);
}

function axesOf(state, model) {
  const { line, view } = model;
  if (!line) return null;
  if (!(view.fixed || state.isHeld) || state.epsilon === null) state.epsilon = view.epsilon;
  const { epsilon } = state;
  const both = epsilon === view.epsilon ? model.sides : sides(line, epsilon);
  const predicted = line.predictedRadius(epsilon);
  const isPending = model.scene.line.kind === "closed form";
  const [minus, plus] = both.map((side, i) => {
    const unreached = (isPending ? 1 : UNREACHED_LENGTH) * predicted;
    const landmark = side.boundary.distance ?? unreached;
    return Math.min(drawnLength(Math.max(predicted, landmark), side.flips), line.reach[i] || Infinity);
  });
  const whole = /** @type {[number, number]} */ ([-minus, plus]);
  return { whole, ends: view.zoom ?? whole, top: TOP * epsilon };
}

/** Past the boundary and ±r, and past a first flip near them. */
function drawnLength(furthest, flips) {
  const drawn = BEYOND_BOUNDARY * furthest;
  const isNear = flips.length > 0 && flips[0][0] < 2 * drawn;
  return isNear ? Math.max(drawn, BEYOND_FLIP * flips[0][0]) : drawn;
}
