// What a person has set in the browser of a dose: the browser's part of its link.

/** Nats at which doses are known. */
export const DOSE_EPSILONS = [0.01, 0.1, 1];
/** Statistics over tokens, and how they are called. */
export const STATISTICS = { last: "last token", mean: "mean of tokens", p95: "95 % of tokens" };
/** Beyond it, no coefficient is meant. */
const LARGEST = 1e9;

/**
 * @typedef {object} DoseView
 * @property {number | null} c   the coefficient, in the vector's own units; null: the predicted dose
 * @property {number} epsilon    nats that count as a change
 * @property {"last" | "mean" | "p95"} statistic
 * @property {boolean} linear    the scale of coefficients
 * @property {number} token      the position that is looked at; −1 for the last
 * @property {1 | -1} side       on which texts are written
 * @property {boolean} large     large type, for a projector
 */

/** @type {DoseView} */
export const INITIAL = Object.freeze({
  c: null,
  epsilon: 0.1,
  statistic: "p95",
  linear: false,
  token: -1,
  side: 1,
  large: false,
});

const FIELDS = {
  c: [written, (text) => bounded(number(text))],
  epsilon: [written, (text) => oneOf(DOSE_EPSILONS, number(text))],
  statistic: [String, (text) => oneOf(Object.keys(STATISTICS), text)],
  linear: [() => "1", (text) => text === "1"],
  token: [String, (text) => (/^\d{1,7}$/.test(text) ? Number(text) : undefined)],
  side: [String, (text) => oneOf([1, -1], number(text))],
  large: [() => "1", (text) => text === "1"],
};

/**
 * The parts of a view that differ from the initial one, as they stand in a link.
 * @param {DoseView} view
 * @returns {Record<string, string | null>} null for a part that need not be named
 */
export function encode(view) {
  return Object.fromEntries(
    Object.entries(FIELDS).map(([name, [write]]) => [name, view[name] === INITIAL[name] ? null : write(view[name])]),
  );
}

/**
 * The view that a link describes, and a sentence for each part that is not understood.
 * @param {URLSearchParams} link
 * @returns {{view: DoseView, notes: string[]}}
 */
export function decode(link) {
  const view = { ...INITIAL };
  const notes = [];
  for (const [name, [, read]] of Object.entries(FIELDS)) {
    const text = link.get(name);
    const value = text === null ? undefined : read(text);
    if (value !== undefined) view[name] = value;
    else if (text !== null) {
      notes.push(`The link's ${name} must be a value of its kind; received ${JSON.stringify(text.slice(0, 40))}: left out.`);
    }
  }
  return { view, notes };
}

/**
 * A coefficient as it is set by hand, and written in a link: four digits.
 * @param {number} c
 * @returns {number}
 */
export function meantCoefficient(c) {
  return Number(c.toPrecision(4)) || 0;
}

function written(value) {
  return String(Number(value.toPrecision(6)));
}

function number(text) {
  const value = text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function bounded(value) {
  return value !== undefined && Math.abs(value) <= LARGEST ? meantCoefficient(value) : undefined;
}

function oneOf(options, value) {
  return options.includes(value) ? value : undefined;
}
