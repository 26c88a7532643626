// A ray in words: the alternative text of its figure, and the table behind it.

import { boundaryText, digits, length } from "./format.js";

/** Points of the curves in the table. */
const ROWS = 20;

export const RAY_HEADINGS = ["t", "actual KL (nats)", "closed form (nats)", "most likely token", "what is there"];

/**
 * One sentence or two about a ray.
 * @param {import("./model.js").Model} model
 * @returns {string}
 */
export function rayAlt({ scene, line, view, sides, predicted, unit }) {
  const budget = `ε = ${digits(view.epsilon)} nats`;
  const radius = `the closed form puts its boundary at ±${length(predicted, unit)}`;
  if (scene.line.kind === "closed form") return `At ${budget} ${radius}; the truth is being computed.`;
  const at = ({ sign, distance }) => signed(sign * distance, unit);
  const [minus, plus] = sides.map(({ boundary }) => boundaryText(boundary, unit));
  const nearest = sides
    .flatMap(({ sign, flips }) => flips.slice(0, 1).map(([distance, place]) => ({ sign, distance, place })))
    .sort((one, other) => one.distance - other.distance)[0];
  const flip = nearest
    ? ` The most likely token changes to ${line.texts[nearest.place]} at ${at(nearest)}.`
    : "";
  return `KL reaches ${budget} on the − side at ${minus} and on the + side at ${plus}; ${radius}.${flip}`;
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
