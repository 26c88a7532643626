// Calibrated radii at any ε: between two steps they are interpolated, in logarithms.

/**
 * @param {{epsilon: number, minus: number[], plus: number[]}[] | null} steps  by rising ε; each side a
 *     value with the ends of its range
 * @param {number} epsilon  nats
 * @returns {[number[] | null, number[] | null] | null} null beyond the steps
 */
export function calibratedAt(steps, epsilon) {
  if (!steps?.length) return null;
  const after = steps.findIndex((step) => step.epsilon >= epsilon * (1 - 1e-9));
  if (after < 0) return null;
  const high = steps[after];
  if (Math.abs(high.epsilon / epsilon - 1) < 1e-6) return [high.minus ?? null, high.plus ?? null];
  if (after === 0) return null;
  const low = steps[after - 1];
  const u = Math.log(epsilon / low.epsilon) / Math.log(high.epsilon / low.epsilon);
  const between = (a, b) => a && b && a.map((value, i) => value ** (1 - u) * b[i] ** u);
  return [between(low.minus, high.minus) ?? null, between(low.plus, high.plus) ?? null];
}
