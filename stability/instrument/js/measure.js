// A measure whose atoms are shifted: the logarithm of the mean of eˣ, without loss where it is small or
// where weights underflow. As stability/exact/discrete_measure.py has it.

import { SMALL, excessOfSmall } from "./numerics.js";

/** Where the largest exponent is taken out of a sum. */
const OVERFLOW = 700;

const weightsOf = new WeakMap();

/** The exponentials of logarithms, computed once. */
function exponentials(logWeights) {
  if (!weightsOf.has(logWeights)) weightsOf.set(logWeights, Float64Array.from(logWeights, Math.exp));
  return weightsOf.get(logWeights);
}

/**
 * `log E[eˣ]` for shifts `x` of mean zero, and its derivative by the logarithm of their scale, which is
 * the mean shift under the moved measure. As the mean is zero, a sum of positive terms.
 * @param {ArrayLike<number>} shifts
 * @param {number[]} logWeights
 * @returns {[number, number]} nats
 */
export function klAndGrowth(shifts, logWeights) {
  const weights = exponentials(logWeights);
  let gain = 0;
  let drift = 0;
  for (let i = 0; i < shifts.length; i += 1) {
    const x = shifts[i];
    if (x <= 1) {
      const growth = Math.expm1(x);
      gain += weights[i] * (Math.abs(x) <= SMALL ? excessOfSmall(x) : growth - x);
      drift += weights[i] * x * growth;
    } else {
      const exponent = x + logWeights[i];
      if (exponent > OVERFLOW) return farKlAndGrowth(shifts, logWeights);
      const growth = Math.exp(exponent) - weights[i];
      gain += growth - weights[i] * x;
      drift += x * growth;
    }
  }
  return [Math.log1p(gain), drift / (1 + gain)];
}

/** The same beyond the range of exp, with the largest term taken out. */
function farKlAndGrowth(shifts, logWeights) {
  let peak = -Infinity;
  for (let i = 0; i < shifts.length; i += 1) peak = Math.max(peak, shifts[i] + logWeights[i]);
  let mass = 0;
  let moment = 0;
  for (let i = 0; i < shifts.length; i += 1) {
    const part = Math.exp(shifts[i] + logWeights[i] - peak);
    mass += part;
    moment += part * shifts[i];
  }
  return [peak + Math.log(mass), moment / mass];
}
