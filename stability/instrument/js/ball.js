// The certified ball: within it no push of any direction exceeds ε. The formula stands in
// stability/exact/self_concordance.py.

import { LARGEST_SIDE, SOLVED, solveGrowth } from "./certificate.js";

/**
 * The radius of the certified ball.
 * @param {{reach: number, upper: number, rounding: number}} ball  the largest distance of a row of W_U
 *     from their mean, an upper bound of the largest eigenvalue, and what rounding may shorten, relative
 * @param {number} epsilon  nats
 * @returns {number} in coordinates
 */
export function ballRadius({ reach, upper, rounding }, epsilon) {
  const growth = Math.min((epsilon * reach * reach) / upper, LARGEST_SIDE);
  return (solveGrowth(growth) / reach) * Math.max(1 - rounding - SOLVED, 0);
}
