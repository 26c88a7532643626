// Curves as paths: sampled densely where they bend, on the screen, and sparsely where they are straight.

/** Pixels by which a chord may miss the curve. */
const FLATNESS = 0.25;
/** First samples, and halvings of a stretch between two. */
const FIRST = 24;
const HALVINGS = 5;

/**
 * The path of a function, in pixels.
 * @param {(t: number) => number | null} f  null where it is not known: a gap
 * @param {import("./scales.js").Scale} x
 * @param {import("./scales.js").Scale} y
 * @param {import("./frame.js").Size} size
 * @returns {string} at most 800 points
 */
export function curve(f, x, y, { left, right, top, bottom }) {
  const beyond = top - (bottom - top);
  const point = (pixel) => {
    const value = f(x.value(pixel));
    return [pixel, value === null ? null : Math.max(y.at(value), beyond)];
  };
  const points = [point(left)];
  for (let i = 1; i <= FIRST; i += 1) {
    refine(points, points.at(-1), point(left + ((right - left) * i) / FIRST), point, top, HALVINGS);
  }
  return path(points);
}

/** Add the points of a stretch up to its end, halved as long as its chord misses the curve. */
function refine(points, from, to, point, top, halvings) {
  const middle = point((from[0] + to[0]) / 2);
  const isAbove = [from, middle, to].every((each) => each[1] !== null && each[1] < top);
  const isFlat = Math.abs(middle[1] - (from[1] + to[1]) / 2) < FLATNESS;
  const isWhole = [from, middle, to].every((each) => each[1] !== null);
  const isGap = [from, middle, to].every((each) => each[1] === null);
  if (halvings > 0 && !isAbove && !isGap && !(isWhole && isFlat)) {
    refine(points, from, middle, point, top, halvings - 1);
    refine(points, middle, to, point, top, halvings - 1);
  } else {
    points.push(to);
  }
}

/**
 * A path through points; one without a height is a gap.
 * @param {[number, number | null][]} points
 * @returns {string}
 */
export function path(points) {
  let isDown = false;
  const steps = points.map(([x, y]) => {
    const step = y === null ? "" : `${isDown ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    isDown = y !== null;
    return step;
  });
  return steps.join("");
}
