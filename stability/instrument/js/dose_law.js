// The law of a dose: what is predicted of a vector at any coefficient and ε, and what is read from
// divergences of tokens. As stability/curvature/fisher.py and stability/steering/crossings/statistics.py have it.

/** Nats between which colours and heights tell divergences apart. */
export const KL_ENDS = [1e-3, 3];

/**
 * The predicted dose `sqrt(2ε / I)`.
 * @param {number | null} information  nats by squared coefficient
 * @param {number} epsilon  nats
 * @returns {number | null} null where nothing changes
 */
export function predictedDose(information, epsilon) {
  return information > 0 ? Math.sqrt(2 * epsilon) / Math.sqrt(information) : null;
}

/**
 * The predicted divergence `½ I c²`.
 * @param {number | null} information
 * @param {number} c
 * @returns {number} nats
 */
export function predictedKl(information, c) {
  return 0.5 * (information ?? 0) * c * c;
}

/**
 * A statistic over the tokens of a text from the first changed one on, but the text's first, whose state
 * is unlike all others.
 * @param {"last" | "mean" | "p95"} name
 * @param {number[]} values  one for each token
 * @param {number} start     the first position that is changed
 * @returns {number | null} null over the tokens of a text that has one alone
 */
export function statisticOf(name, values, start) {
  if (name === "last") return values.at(-1);
  const rest = values.slice(Math.max(start, 1));
  if (!rest.length) return null;
  return name === "mean" ? rest.reduce((sum, value) => sum + value, 0) / rest.length : quantile(rest, 0.95);
}

/** Between two values linearly, as numpy's default has it. */
function quantile(values, share) {
  const sorted = [...values].sort((one, other) => one - other);
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

/**
 * A scale that shows both signs of a coefficient: linear, or logarithmic but for what is much smaller
 * than a unit.
 * @param {number} extent  where both sides end
 * @param {number | null} unit  null for a linear scale
 * @param {[number, number]} pixels
 * @returns {import("./scales.js").Scale}
 */
export function signedScale(extent, unit, [start, stop]) {
  const middle = (start + stop) / 2;
  const rate = (stop - start) / 2 / (unit ? Math.log1p(extent / unit) : extent);
  if (!unit) return { at: (c) => middle + rate * c, value: (pixel) => (pixel - middle) / rate };
  return {
    at: (c) => middle + rate * Math.sign(c) * Math.log1p(Math.abs(c) / unit),
    value: (pixel) => Math.sign(pixel - middle) * unit * Math.expm1(Math.abs(pixel - middle) / rate),
  };
}

/**
 * Where a divergence lies between the smallest and the largest that are told apart, from 0 to 1.
 * @param {number} kl  nats
 * @returns {number}
 */
export function klShare(kl) {
  const [low, high] = KL_ENDS;
  return Math.min(Math.max(Math.log(Math.max(kl, low) / low) / Math.log(high / low), 0), 1);
}
