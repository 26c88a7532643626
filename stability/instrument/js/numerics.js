// Numerical tools: eˣ − 1 − x, and a safe root-finder. The names and methods are those of
// stability/numerics.py.

/** Here the series and the difference both err by 1e-13. */
const SMALL = 1e-2;

/**
 * `eˣ − 1 − x ≥ 0`: by its series where the difference would cancel.
 * @param {number} x
 * @returns {number}
 */
export function expMinusTangent(x) {
  if (Math.abs(x) <= SMALL) {
    return x * x * (0.5 + x * (1 / 6 + x * (1 / 24 + x * (1 / 120 + x / 720))));
  }
  return Math.expm1(x) - x;
}

/**
 * The root of an increasing function inside a bracket: Newton's method, safeguarded by bisection.
 * @param {(x: number) => [number, number]} f  its value and its derivative
 * @param {number} low
 * @param {number} high
 * @returns {number} to an absolute 1e-12
 */
export function solve(f, low, high) {
  let x = 0.5 * (low + high);
  for (let step = 0; step < 100; step += 1) {
    const [value, derivative] = f(x);
    if (value <= 0) low = x;
    if (value >= 0) high = x;
    const newton = x - value / derivative;
    const next = newton >= low && newton <= high ? newton : 0.5 * (low + high);
    const done = Math.abs(next - x) <= 1e-12;
    x = next;
    if (done) break;
  }
  return x;
}
