// Guarantees about the boundary: brackets from the variance of the slope, its ends, and single
// tokens. The formulas, with their source, stand in stability/exact/self_concordance.py.

import { expMinusTangent, solve } from "./numerics.js";

/** Relative; what the equations' solutions may be off by. */
export const SOLVED = 1e-11;
/** A larger right-hand side is not exact; a smaller one only shortens the inner radius. */
export const LARGEST_SIDE = 1e300;

/**
 * The positive `y` with `e^y − 1 − y = c`, for `c > 0`.
 * @param {number} c
 * @returns {number}
 */
export function solveGrowth(c) {
  const high = Math.min(Math.sqrt(2 * c), Math.log(4 + 4 * c));
  const low = Math.sqrt(2 * c) * Math.exp(-high / 2);
  const excess = (u) => {
    const y = Math.exp(u);
    const growth = expMinusTangent(y);
    return [Math.log(growth / c), (y * Math.expm1(y)) / growth];
  };
  return Math.exp(solve(excess, Math.log(low), Math.log(high)));
}

/**
 * The positive `y` with `e^{−y} − 1 + y = c`, for `c > 0`.
 * @param {number} c
 * @returns {number}
 */
function solveDecay(c) {
  const low = Math.max(Math.sqrt(2 * c), c);
  const high = 0.5 * (c + Math.sqrt(c) * Math.sqrt(c + 8));
  const excess = (u) => {
    const y = Math.exp(u);
    const decay = expMinusTangent(-y);
    return [Math.log(decay / c), (-y * Math.expm1(-y)) / decay];
  };
  return Math.exp(solve(excess, Math.log(low), Math.log(high)));
}

/**
 * The certified distances of the boundary on one side: below the inner nothing exceeds `ε`, and
 * beyond the outer everything does.
 * @param {import("./law.js").Law} law
 * @param {-1 | 1} sign
 * @param {number} epsilon  nats
 * @returns {[number, number]} inner and outer; infinite on a side on which no token gains
 */
export function bracket(law, sign, epsilon) {
  const rise = sign > 0 ? law.ends[1] : -law.ends[0];
  if (!(rise > 0)) return [Infinity, Infinity];
  const span = law.ends[1] - law.ends[0];
  const growth = Math.min((epsilon * rise * rise) / law.variance, LARGEST_SIDE);
  const decay = (epsilon * span * span) / law.variance;
  const byTokens = law.lines[sign > 0 ? 1 : 0].map(([logP, slope]) => (epsilon - logP) / slope);
  const inner = solveGrowth(growth) / rise;
  const outer = Math.min(solveDecay(decay) / span, ...byTokens);
  const reserve = law.rounding[sign > 0 ? 1 : 0] + SOLVED;
  return reserve < 1 ? [inner * (1 - reserve), outer * (1 + reserve)] : [0, Infinity];
}
