// The law of a ray: KL, the closed form, boundaries, certificates, flips and probabilities at every
// `t` and every `ε`, from the few atoms and tokens that stability/instrument/law.py sends.

import { bracket } from "./certificate.js";
import { klAndGrowth } from "./measure.js";
import { solve } from "./numerics.js";

/**
 * @typedef {object} Law
 * @property {number[]} values     centred slopes of the atoms, nats per unit length
 * @property {number[]} log_weights    of the atoms
 * @property {[number, number]} reach    how far either side may be asked for, minus and plus
 * @property {number[]} ids        of the leading tokens
 * @property {number[]} log_probs  of the leading tokens at t = 0, nats
 * @property {number[]} slopes     centred, of the leading tokens
 * @property {[[number, number][], [number, number][]]} flips    of either side: the distance, and the
 *     place of the token beyond it among the leading
 * @property {[[number, number][], [number, number][]]} lines    log p and a, of either side
 * @property {[number, number]} ends    the least and the greatest slope of all tokens
 * @property {number} variance     vᵀHv
 * @property {[number, number]} rounding    what a certificate is widened by
 */

/**
 * `KL(t) = log E[exp(t·a)]`, and its derivative by `log t`.
 * @param {Law} law
 * @param {number} t
 * @returns {[number, number]} nats
 */
function klAndGrowthAt({ values, log_weights }, t) {
  const shifts = new Float64Array(values.length);
  for (let i = 0; i < shifts.length; i += 1) shifts[i] = t * values[i];
  return klAndGrowth(shifts, log_weights);
}

/**
 * The divergence in nats.
 * @param {Law} law
 * @param {number} t
 * @returns {number}
 */
export function kl(law, t) {
  return klAndGrowthAt(law, t)[0];
}

/**
 * The closed form `½ t² vᵀHv`, in nats.
 * @param {Law} law
 * @param {number} t
 * @returns {number}
 */
export function quadratic(law, t) {
  return 0.5 * law.variance * t * t;
}

/**
 * The closed form's radius, `sqrt(2ε / vᵀHv)`.
 * @param {Law} law
 * @param {number} epsilon  nats
 * @returns {number}
 */
export function predictedRadius(law, epsilon) {
  return Math.sqrt((2 * epsilon) / law.variance);
}

/**
 * The distance at which `KL = ε` on one side.
 * @param {Law} law
 * @param {-1 | 1} sign
 * @param {number} epsilon  nats
 * @returns {number | null} null where it is not reached
 */
export function boundary(law, sign, epsilon) {
  const [inner, outer] = bracket({ ...law, rounding: [0, 0] }, sign, epsilon);
  if (!Number.isFinite(inner)) return null;
  const logExcess = (u) => {
    const [nats, growth] = klAndGrowthAt(law, sign * Math.exp(u));
    return [Math.log(nats / epsilon), growth / nats];
  };
  return Math.exp(solve(logExcess, Math.log(inner), Math.log(outer)));
}

/**
 * The probabilities of the leading tokens, `p_i exp(t·a_i − KL(t))`.
 * @param {Law} law
 * @param {number} t
 * @returns {number[]}
 */
export function probabilities(law, t) {
  const nats = kl(law, t);
  return law.log_probs.map((logP, i) => Math.exp(logP + t * law.slopes[i] - nats));
}

/**
 * The place of the most likely token among the leading ones.
 * @param {Law} law
 * @param {number} t
 * @returns {number}
 */
export function winner(law, t) {
  let leader = 0;
  for (const [distance, place] of law.flips[t > 0 ? 1 : 0]) {
    if (distance <= Math.abs(t)) leader = place;
  }
  return t === 0 ? 0 : leader;
}
