// The model of the picture: what the server sent and what a person has set, and all numbers that
// follow from the two. Each part of the instrument draws from this alone.

import { tokenColours } from "./colours.js";
import { unitOf } from "./format.js";
import { line as lineOf } from "./line.js";
import { plane as planeOf } from "./plane.js";

/**
 * @typedef {object} Side
 * @property {-1 | 1} sign
 * @property {import("./line.js").Boundary} boundary
 * @property {[number, number] | null} bracket   certified inner and outer distance
 * @property {[number, number][]} flips          distance, and the place of the token beyond it
 *
 * @typedef {object} Model
 * @property {any} scene
 * @property {import("./view.js").View} view
 * @property {import("./line.js").Line | null} line   null in a direction without curvature
 * @property {import("./format.js").Unit} unit
 * @property {number | null} predicted   the closed form's radius at ε, in coordinates
 * @property {[Side, Side] | null} sides minus and plus
 * @property {{scene: any, line: import("./line.js").Line}[]} pins
 * @property {import("./plane.js").Plane | null} plane
 * @property {(id: number) => string} colour
 *
 * @typedef {object} AtHand  the prediction where the hand is
 * @property {{t: number | null, point: [number, number]}} where  in coordinates; `t` off the plane's ray is null
 * @property {number | null} kl         nats; null where it is not known
 * @property {number | null} id         of the most likely token
 * @property {string | null} text       of the same
 * @property {number[]} ids             of the tokens with a probability
 * @property {string[]} texts           of the same
 * @property {number[] | null} probabilities   of the same; null where they are not known
 */

/** Derive the model again only from what has changed. */
export function modeller() {
  const made = madeOnce(lineOf);
  const planeMade = madeOnce(planeOf);
  let colouring = [undefined, null];

  /**
   * @param {any} scene
   * @param {import("./view.js").View} view
   * @returns {Model}
   */
  return function model(scene, view) {
    const line = made(scene.line);
    if (colouring[0] !== line) colouring = [line, tokenColours(line)];
    const { epsilon } = view;
    const pins = (scene.pins ?? []).map((pin) => ({ scene: pin, line: made(pin.line) }));
    return {
      scene,
      view,
      line,
      unit: unitOf(scene.setting.norm, view.relative),
      predicted: line && line.predictedRadius(epsilon),
      sides: line && sides(line, epsilon),
      pins: pins.filter((pin) => pin.line),
      plane: planeMade(scene.plane),
      colour: colouring[1],
    };
  };
}

/** What a sent part makes, made once and kept with it. */
function madeOnce(make) {
  const kept = new WeakMap();
  return (sent) => {
    if (!sent) return null;
    if (!kept.has(sent)) kept.set(sent, make(sent));
    return kept.get(sent);
  };
}

/**
 * The prediction at the point of the plane that is dragged, or else at `t` on the ray.
 * @param {Model} model
 * @returns {AtHand | null} null in a direction without curvature, on the ray
 */
export function atHand({ view, line, plane }) {
  if (view.point && plane) return atPoint(plane, view.point);
  if (!line) return null;
  const place = line.winner(view.t);
  return {
    where: { t: view.t, point: [view.t, 0] },
    kl: line.kl(view.t),
    id: line.ids[place] ?? null,
    text: line.texts[place] ?? null,
    ids: line.ids,
    texts: line.texts,
    probabilities: line.probabilities(view.t),
  };
}

function atPoint(plane, [x, y]) {
  const kl = plane.kl(x, y);
  const winner = plane.winner(x, y);
  const isKnown = plane.probabilities !== null && kl !== null;
  return {
    where: { t: null, point: [x, y] },
    kl,
    id: winner?.id ?? null,
    text: winner?.text ?? null,
    ids: plane.ids,
    texts: plane.texts,
    probabilities: isKnown ? plane.probabilities(x, y, kl) : null,
  };
}

/**
 * Both sides of a line at a budget.
 * @param {import("./line.js").Line} line
 * @param {number} epsilon
 * @returns {[Side, Side]}
 */
export function sides(line, epsilon) {
  return [-1, 1].map((sign, index) => ({
    sign,
    boundary: line.boundary(sign, epsilon),
    bracket: line.certificate(sign, epsilon),
    flips: line.flips[index],
  }));
}
