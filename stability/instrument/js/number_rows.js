// All numbers that are not among the main ones: each with its value, its unit and its meaning, or why it
// has no value.

import { ballRadius } from "./ball.js";
import { calibratedAt } from "./calibrated.js";
import { digits } from "./format.js";

/** id, name, word of the glossary, meaning */
const KINDS = [
  ["first-flip-minus", "first flip −", "flip", "another token becomes the most likely one"],
  ["first-flip-plus", "first flip +", "flip", "another token becomes the most likely one"],
  ["nearest-flip", "nearest flip", "nearest flip", "the shortest push of all directions that does so"],
  ["entropy", "entropy", "entropy", "how open the next token is"],
  ["margin", "margin", "margin", "gap of the two largest logits"],
  ["trust-minus", "trust range −", "trust range", "here ½ t² vᵀHv is within 10 % of the true KL"],
  ["trust-plus", "trust range +", "trust range", "here ½ t² vᵀHv is within 10 % of the true KL"],
  ["curvature", "curvature vᵀHv", "curvature", "how fast KL grows along the direction"],
  ["trace", "trace of H", "trace", "the curvature of all directions together"],
  [
    "relative-radius",
    "r / ‖vector‖",
    "closed form",
    "the predicted radius as a share of the vector's length",
  ],
  ["ball", "certified ball", "certified ball", "no shorter push of any direction exceeds ε"],
  [
    "token-constraint-bound",
    "token constraint bound",
    "token constraint bound",
    "ranks predictions, at ε = 1",
  ],
  ["kappa-3", "κ₃", "cumulants", "makes the two sides differ"],
  ["kappa-4", "κ₄", "cumulants", "the next term of the series"],
  ["calibrated-minus", "calibrated −", "calibrated", "nine in ten similar boundaries lie in this range"],
  ["calibrated-plus", "calibrated +", "calibrated", "nine in ten similar boundaries lie in this range"],
];
const ONLY_LINEAR = "known only where logits are linear in the vector";
const NOT_CALIBRATED =
  "no similar boundaries to judge by: they are measured at the site prelogit of the bundled models";
const NONE = "–";

/**
 * @typedef {object} NumberRow
 * @property {string} id
 * @property {string} name
 * @property {string} term   of the glossary
 * @property {string} value
 * @property {string} unit
 * @property {string} meaning
 */

/**
 * The rows of the table.
 * @param {import("./model.js").Model} model
 * @returns {NumberRow[]}
 */
export function numberRows(model) {
  const amounts = {
    ...flipAmounts(model),
    ...stateAmounts(model),
    ...trustAmounts(model),
    ...curvatureAmounts(model),
    ...calibratedAmounts(model),
  };
  return KINDS.map(([id, name, term, meaning]) => {
    const [value, unit, reason] = amounts[id];
    return { id, name, term, value, unit, meaning: value === NONE && reason ? reason : meaning };
  });
}

function lengthUnit({ view }) {
  return view.relative ? "% of ‖vector‖" : "units";
}

/** A length and its unit, or a dash without one. */
function lengthAmount(model, value, reason) {
  if (value === null || value === undefined) return [NONE, "", reason];
  return [digits(value / model.unit.length), lengthUnit(model)];
}

/** A token that takes over, at a distance. */
function takeoverAmount(model, text, distance) {
  const [value, unit] = lengthAmount(model, distance);
  return [`${text} at ${value}`, unit];
}

function flipAmounts(model) {
  const { line, sides, scene } = model;
  const { nearest_flip: nearest } = scene.numbers;
  const known = { exact: "none, however far", sampled: "none as far as was searched" };
  const side = (i) => {
    const [flip] = sides?.[i].flips ?? [];
    if (!flip) return [known[scene.line?.kind] ?? NONE, ""];
    return takeoverAmount(model, line.texts[flip[1]], flip[0]);
  };
  return {
    "first-flip-minus": side(0),
    "first-flip-plus": side(1),
    "nearest-flip": nearest
      ? takeoverAmount(model, nearest.text, nearest.distance)
      : [NONE, "", "known only at the site prelogit"],
  };
}

function stateAmounts(model) {
  const { scene, predicted, view } = model;
  const { entropy, margin, ball, token_constraint_bound: bound } = scene.numbers;
  const share = predicted === null ? [NONE, ""] : [digits((100 * predicted) / scene.setting.norm), "%"];
  return {
    entropy: [digits(entropy), "nats"],
    margin: [digits(margin), "nats"],
    "relative-radius": share,
    ball: lengthAmount(model, ball && ballRadius(ball, view.epsilon), ONLY_LINEAR),
    "token-constraint-bound": lengthAmount(model, bound, ONLY_LINEAR),
  };
}

function trustAmounts(model) {
  const { trust } = model.scene.numbers;
  const far = model.scene.line?.kind === "exact" ? "beyond 100 r" : "beyond 5 ‖vector‖";
  const side = (i) => (trust && trust[i] === null ? [far, ""] : lengthAmount(model, trust?.[i]));
  return { "trust-minus": side(0), "trust-plus": side(1) };
}

/** Per unit of length to a power: curvature and cumulants follow the unit that is shown. */
function curvatureAmounts({ scene, unit, view }) {
  const { trace, trace_error: error } = scene.spectrum;
  const scaled = (value, power) => digits(value * unit.length ** power);
  const per = (value, power, mark) =>
    value === null
      ? [NONE, "", ONLY_LINEAR]
      : [scaled(value, power), view.relative ? `nats/(%)${mark}` : `nats/unit${mark}`];
  const [second, third, fourth] = scene.numbers.cumulants ?? [scene.line?.variance ?? null, null, null];
  const [traceText, traceUnit] = per(trace, 2, "²");
  return {
    curvature: per(second, 2, "²"),
    trace: [error ? `${traceText} ± ${scaled(error, 2)}` : traceText, traceUnit],
    "kappa-3": per(third, 3, "³"),
    "kappa-4": per(fourth, 4, "⁴"),
  };
}

function calibratedAmounts(model) {
  const { scene, view, unit } = model;
  const found = calibratedAt(scene.numbers.calibrated, view.epsilon);
  const side = (i) =>
    found?.[i]
      ? [calibratedText(found[i].map((end) => end / unit.length)), lengthUnit(model)]
      : [NONE, "", NOT_CALIBRATED];
  return { "calibrated-minus": side(0), "calibrated-plus": side(1) };
}

/** A value with its range, with as many digits as tell the ends apart. */
function calibratedText([value, low, high]) {
  const needed = high > low ? Math.ceil(-Math.log10(high - low)) + 1 : 0;
  const shown = Math.max(needed, 2 - Math.floor(Math.log10(high)));
  const written = (number) => number.toFixed(Math.max(0, Math.min(shown, 12)));
  return `${written(value)} (${written(low)} – ${written(high)})`;
}
