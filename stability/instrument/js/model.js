// The model of the picture: what the server sent and what a person has set, and all numbers that
// follow from the two. Each part of the instrument draws from this alone.

import { tokenColours } from "./colours.js";
import { unitOf } from "./format.js";
import { line as lineOf } from "./line.js";

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
 * @property {(id: number) => string} colour
 */

/** Derive the model again only from what has changed. */
export function modeller() {
  const lines = new WeakMap();
  const made = (sent) => {
    if (!sent) return null;
    if (!lines.has(sent)) lines.set(sent, lineOf(sent));
    return lines.get(sent);
  };
  let colouring = [null, null];

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
      colour: colouring[1],
    };
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
