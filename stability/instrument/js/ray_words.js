// A ray in words: the alternative text of its figure, and the table behind it.

import { digits, length } from "./format.js";
import { verdictText } from "./verdict.js";

/** Points of the curves in the table. */
const ROWS = 20;

export const RAY_HEADINGS = ["t", "actual KL (nats)", "closed form (nats)", "most likely token", "what is there"];

/**
 * What a ray shows: what the verdict says.
 * @param {import("./model.js").Model} model
 * @returns {string}
 */
export function rayAlt(model) {
  return verdictText(model);
}

/**
 * The rows of the table: the curves at even distances, and every mark.
 * @param {import("./model.js").Model} model
 * @param {[number, number]} ends  in coordinates
 * @returns {string[][]}
 */
export function rayRows(model, [low, high]) {
  const { line, unit } = model;
  const even = Array.from({ length: ROWS + 1 }, (_, i) => [low + ((high - low) * i) / ROWS, ""]);
  const rows = [...even, ...marks(model)].sort(([one], [other]) => one - other);
  return rows.map(([t, note]) => [
    signed(t, unit),
    digits(line.kl(t)),
    digits(line.quadratic(t)),
    line.texts[line.winner(t)] ?? "–",
    note,
  ]);
}

function marks({ sides, predicted, line }) {
  return sides.flatMap(({ sign, boundary, bracket, flips }) => [
    [sign * predicted, "predicted boundary"],
    ...(boundary.distance === null ? [] : [[sign * boundary.distance, "actual boundary"]]),
    ...(bracket && Number.isFinite(bracket[1])
      ? [[sign * bracket[0], "certified inner"], [sign * bracket[1], "certified outer"]]
      : []),
    ...flips.map(([distance, place]) => [sign * distance, `${line.texts[place]} takes over`]),
  ]);
}

/**
 * A point of the ray, with its sign and unit.
 * @param {number} t  in coordinates
 * @param {import("./format.js").Unit} unit
 * @returns {string}
 */
export function signed(t, unit) {
  return `${t > 0 ? "+" : ""}${length(t, unit)}`;
}
