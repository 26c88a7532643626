// All the other numbers, on demand: a table with values, units and meanings.

import { ballRadius } from "./ball.js";
import { calibratedAt } from "./calibrated.js";
import { digits, length } from "./format.js";
import { word } from "./glossary.js";
import { each, html, say } from "./nodes.js";

const ROW_SIGNS = ["−", "+"];

/**
 * The part that lists all numbers, folded.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function everything(instrument) {
  const body = html("tbody");
  const head = html("tr", {}, ...["quantity", "value", "unit", "meaning"].map((name) => html("th", { scope: "col" }, name)));
  const table = html("table", { class: "rows" }, html("thead", {}, head), body);
  const node = html("details", { class: "everything" }, html("summary", {}, "All numbers"), html("div", { class: "scrolls" }, table));
  let seen = null;
  const draw = (model) => {
    seen = model;
    if (!node.open) return;
    each(body, rowsOf(model), () => makeNumberRow(instrument), changeNumberRow);
  };
  node.addEventListener("toggle", () => seen && draw(seen));
  return { node, draw };
}

function makeNumberRow(instrument) {
  const name = html("th", { scope: "row" }, word(instrument, "flip", ""));
  return html("tr", {}, name, html("td", { class: "amount" }), html("td"), html("td"));
}

function changeNumberRow(node, { name, term, value, unit, meaning, id }) {
  const [title, ...cells] = node.children;
  title.firstChild.dataset.term = term;
  say(title.firstChild, name);
  node.dataset.testid = `number-${id}`;
  [value, unit, meaning].forEach((text, i) => say(cells[i], text));
}

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
 * All numbers that are not among the main ones.
 * @param {import("./model.js").Model} model
 * @returns {NumberRow[]}
 */
export function rowsOf(model) {
  const { scene, unit, view } = model;
  const { entropy, margin, nearest_flip: nearest, ball, token_constraint_bound: bound } = scene.numbers;
  const lengthUnit = view.relative ? "% of ‖vector‖" : "units";
  const row = (id, name, term, value, unitName, meaning) => ({ id, name, term, value, unit: unitName, meaning });
  const plainLength = (value) => bareLength(value, unit);
  return [
    ...flipRows(model, row, lengthUnit),
    row("nearest-flip", "nearest flip", "nearest flip", nearest ? `${nearest.text} at ${plainLength(nearest.distance)}` : "–", nearest ? lengthUnit : "", nearest ? "the shortest push of all directions that changes the most likely token" : "not known at this site"),
    row("entropy", "entropy", "entropy", digits(entropy), "nats", "how open the next token is"),
    row("margin", "margin", "margin", digits(margin), "nats", "gap of the two largest logits"),
    ...trustRows(model, row, lengthUnit),
    ...curvatureRows(model, row),
    row("relative-radius", "r / ‖vector‖", "closed form", digits((100 * (model.predicted ?? NaN)) / scene.setting.norm), "%", `‖vector‖ = ${digits(scene.setting.norm)} units`),
    row("ball", "certified ball", "certified ball", ball ? plainLength(ballRadius(ball, view.epsilon)) : "–", ball ? lengthUnit : "", ball ? "no shorter push of any direction exceeds ε" : "nothing is certified where logits are not linear in the vector"),
    row("token-constraint-bound", "token constraint bound", "token constraint bound", bound === null ? "–" : plainLength(bound), bound === null ? "" : lengthUnit, "ranks predictions, at ε = 1"),
    ...calibratedRows(model, row, lengthUnit),
  ];
}

/** A length without its unit, which stands beside it. */
function bareLength(value, unit) {
  return value === null || value === undefined ? "–" : digits(value / unit.length);
}

function flipRows({ line, sides, unit, scene }, row, lengthUnit) {
  return ROW_SIGNS.map((sign, i) => {
    const [flip] = sides?.[i].flips ?? [];
    const far = scene.line?.kind === "exact" ? "none, however far" : "none as far as was searched";
    const value = flip ? `${line.texts[flip[1]]} at ${bareLength(flip[0], unit)}` : line ? far : "–";
    return row(`first-flip-${i ? "plus" : "minus"}`, `first flip ${sign}`, "flip", value, flip ? lengthUnit : "", "another token becomes the most likely one");
  });
}

function trustRows({ scene, unit }, row, lengthUnit) {
  const { trust } = scene.numbers;
  const far = scene.line?.kind === "exact" ? "beyond 100 r" : "beyond 5 ‖vector‖";
  return ROW_SIGNS.map((sign, i) => {
    const end = trust?.[i];
    const isNumber = end !== null && end !== undefined;
    const value = isNumber ? bareLength(end, unit) : trust ? far : "–";
    return row(`trust-${i ? "plus" : "minus"}`, `trust range ${sign}`, "trust range", value, isNumber ? lengthUnit : "", "here ½ t² vᵀHv is within 10 % of the true KL");
  });
}

/** Per unit of length to a power: curvature and cumulants follow the unit that is shown. */
function curvatureRows({ scene, unit, view }, row) {
  const { trace, trace_error: error } = scene.spectrum;
  const per = (power) => (view.relative ? `nats/(%)${power}` : `nats/unit${power}`);
  const scaled = (value, power) => (value === null || value === undefined ? "–" : digits(value * unit.length ** power));
  const [second, third, fourth] = scene.numbers.cumulants ?? [scene.line?.variance ?? null, null, null];
  const missing = scene.numbers.cumulants ? "" : "; known where logits are linear";
  return [
    row("curvature", "curvature vᵀHv", "curvature", scaled(second, 2), per("²"), "how fast KL grows along the direction"),
    row("trace", "trace of H", "trace", scaled(trace, 2) + (error ? ` ± ${scaled(error, 2)}` : ""), per("²"), "the curvature of all directions together"),
    row("kappa-3", "κ₃", "cumulants", scaled(third, 3), third === null ? "" : per("³"), `makes the two sides differ${missing}`),
    row("kappa-4", "κ₄", "cumulants", scaled(fourth, 4), fourth === null ? "" : per("⁴"), `the next term of the series${missing}`),
  ];
}

function calibratedRows({ scene, view, unit }, row, lengthUnit) {
  const found = calibratedAt(scene.numbers.calibrated, view.epsilon);
  return ROW_SIGNS.map((sign, i) => {
    const range = found?.[i];
    const value = range ? calibratedText(range.map((end) => end / unit.length)) : "–";
    const meaning = range ? "nine in ten similar boundaries lie in this range" : "there are no similar boundaries to judge by: they are measured at the site prelogit of the bundled models";
    return row(`calibrated-${i ? "plus" : "minus"}`, `calibrated ${sign}`, "calibrated", value, range ? lengthUnit : "", meaning);
  });
}

/** A value with its range, with as many digits as tell the ends apart. */
function calibratedText([value, low, high]) {
  const needed = high > low ? Math.ceil(-Math.log10(high - low)) + 1 : 0;
  const shown = Math.max(needed, 2 - Math.floor(Math.log10(high)));
  const written = (number) => number.toFixed(Math.max(0, Math.min(shown, 12)));
  return `${written(value)} (${written(low)} – ${written(high)})`;
}
