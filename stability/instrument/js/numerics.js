// Numerical tools: eˣ − 1 − x, and a safe root-finder. The names and methods are those of
// stability/numerics.py.

/** Here the series and the difference both err by 1e-13. */
export const SMALL = 1e-2;

/**
 * `eˣ − 1 − x` by its series, for `|x| ≤ SMALL`.
 * @param {number} x
 * @returns {number}
 */
export function excessOfSmall(x) {
  return x * x * (0.5 + x * (1 / 6 + x * (1 / 24 + x * (1 / 120 + x / 720))));
}

/**
 * `eˣ − 1 − x ≥ 0`: by its series where the difference would cancel.
 * @param {number} x
 * @returns {number}
 */
export function expMinusTangent(x) {
  return Math.abs(x) <= SMALL ? excessOfSmall(x) : Math.expm1(x) - x;
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

/**
 * A curve through points: Hermite's cubics, with slopes that are given or that overshoot nowhere.
 * @param {ArrayLike<number>} x       increasing
 * @param {ArrayLike<number>} y
 * @param {ArrayLike<number>} [slopes]
 * @returns {{at: (x: number) => number, inverse: (y: number) => number}} the inverse, of an increasing
 *     curve; either for arguments between the ends, and the nearest end for others
 */
export function curve(x, y, slopes = monotoneSlopes(x, y)) {
  const last = x.length - 1;
  const within = (i, u) => {
    const step = x[i + 1] - x[i];
    const rise = y[i + 1] - y[i];
    const first = slopes[i] * step;
    const bend = 3 * rise - 2 * first - slopes[i + 1] * step;
    const twist = first + slopes[i + 1] * step - 2 * rise;
    return [y[i] + u * (first + u * (bend + u * twist)), first + u * (2 * bend + u * 3 * twist)];
  };
  return {
    at(value) {
      if (!(value > x[0])) return y[0];
      if (value >= x[last]) return y[last];
      const i = placeIn(x, value);
      return within(i, (value - x[i]) / (x[i + 1] - x[i]))[0];
    },
    inverse(value) {
      if (!(value > y[0])) return x[0];
      if (value >= y[last]) return x[last];
      const i = placeIn(y, value);
      const excess = (u) => {
        const [height, slope] = within(i, u);
        return [height - value, slope];
      };
      return x[i] + solve(excess, 0, 1) * (x[i + 1] - x[i]);
    },
  };
}

/**
 * Slopes at points of a curve that overshoots nowhere (Fritsch and Butland, 1984).
 * @param {ArrayLike<number>} x
 * @param {ArrayLike<number>} y
 * @returns {number[]}
 */
export function monotoneSlopes(x, y) {
  const secants = Array.from({ length: x.length - 1 }, (_, i) => (y[i + 1] - y[i]) / (x[i + 1] - x[i]));
  return Array.from(x, (_, i) => {
    const before = secants[Math.max(i - 1, 0)] ?? 0;
    const after = secants[Math.min(i, secants.length - 1)] ?? 0;
    if (before * after <= 0) return 0;
    if (i === 0 || i === secants.length) return after;
    const [left, right] = [x[i] - x[i - 1], x[i + 1] - x[i]];
    const share = (left + 2 * right) / (3 * (left + right));
    return (before * after) / (share * after + (1 - share) * before);
  });
}

/** The last place at which an increasing list does not exceed a value that it encloses. */
function placeIn(list, value) {
  let low = 0;
  let high = list.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (list[middle] <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
