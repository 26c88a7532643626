// Numbers and lengths as people read them: three significant digits, units always. The names are those
// of stability/text.py, stability/units.py and stability/ui/wording.py.

/**
 * A number to three significant digits, with a true minus sign.
 * @param {number | null} value
 * @returns {string} "–" where there is no value
 */
export function digits(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  // by what it rounds to: 999.9 is written with its power, and 9.999e-5 without
  const rounded = Number(size.toPrecision(3));
  const isPlain = rounded >= 1e-4 && rounded < 1e3;
  const written = isPlain ? size.toPrecision(3) : exponential(size);
  return value < 0 ? `−${written}` : written;
}

/**
 * An amount of nats in words, the one way in which they are counted.
 * @param {number | string} amount  as it is written
 * @returns {string}
 */
export function natsText(amount) {
  return `${amount} ${String(amount) === "1" ? "nat" : "nats"}`;
}

/** 1.20e-5 as 1.20e-05, the way Python writes it. */
function exponential(size) {
  const [mantissa, power] = size.toExponential(2).split("e");
  const sign = power[0] === "-" ? "−" : "+";
  return `${mantissa}e${sign}${power.slice(1).padStart(2, "0")}`;
}

/**
 * A share in per cent.
 * @param {number | null} share
 * @returns {string}
 */
export function percent(share) {
  return share === null || share === undefined ? "–" : `${digits(100 * share)} %`;
}

/**
 * @typedef {object} Unit
 * @property {string} name
 * @property {number} length  of one unit, in the state's coordinates
 * @property {string} symbol  written behind each number
 */

/**
 * The unit for lengths of a vector of a norm: hundredths of the norm, or its own coordinates.
 * @param {number} norm
 * @param {boolean} relative
 * @returns {Unit}
 */
export function unitOf(norm, relative) {
  return relative
    ? { name: "% of ‖vector‖", length: norm / 100, symbol: " %" }
    : { name: "units of the vector", length: 1, symbol: "" };
}

/**
 * A length with the symbol of its unit.
 * @param {number | null} length  in coordinates
 * @param {Unit} unit
 * @returns {string}
 */
export function length(length, unit) {
  return length === null || length === undefined
    ? "–"
    : digits(length / unit.length) + unit.symbol;
}

const WITHOUT_BOUNDARY = {
  unresolved: "lost in rounding",
  "not reached": "not reached",
  "not known": "not known yet",
  undefined: "no such token",
};

/**
 * The distance of a boundary, or why there is none.
 * @param {{distance: number | null, kind: string}} boundary
 * @param {Unit} unit
 * @returns {string}
 */
export function boundaryText({ distance, kind }, unit) {
  if (distance === null) return WITHOUT_BOUNDARY[kind];
  return length(distance, unit) + (kind === "jump" ? " (a jump)" : "");
}

/**
 * The ends of a certified interval.
 * @param {[number, number] | null} bracket
 * @param {Unit} unit
 * @returns {string} "–" where nothing is certified
 */
export function bracketText(bracket, unit) {
  if (!bracket) return "–";
  return bracket.map((end) => digits(end / unit.length)).join(" – ") + unit.symbol;
}

const EPSILON_WORDS = [
  [3e-4, "nobody would notice"],
  [3e-3, "a sampler would not notice"],
  [3e-2, "a careful reader of probabilities would notice"],
  [0.3, "other words begin to appear"],
  [1.2, "often another word"],
  [Infinity, "a different distribution"],
];

/**
 * How a reader would notice a divergence.
 * @param {number} epsilon  nats
 * @returns {string}
 */
export function epsilonWords(epsilon) {
  return EPSILON_WORDS.find(([limit]) => epsilon <= limit)[1];
}

/**
 * How far the closed form is from the truth.
 * @param {number} predicted
 * @param {{distance: number | null, kind: string}} boundary
 * @returns {string}
 */
export function errorText(predicted, { distance, kind }) {
  if (distance === null) {
    return kind === "unresolved"
      ? "not to be compared: rounding of the network hides so small an ε"
      : "too short: no boundary is reached";
  }
  const off = predicted / distance - 1;
  if (Math.abs(off) < 5e-4) return "right to 0.05 %";
  const [longer, direction] = off > 0 ? [1 + off, "long"] : [1 / (1 + off), "short"];
  return longer >= 2
    ? `${digits(longer)} times too ${direction}`
    : `${digits(100 * Math.abs(off))} % too ${direction}`;
}
