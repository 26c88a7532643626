// The shapes that are drawn of a plane, in coordinates: how much of it is in view, the bands of KL, and
// the closed form's ellipse. As stability/views/region.py has them.

/** Half the width of a view, of the distance of the furthest point that it shows. */
const PLANE_MARGIN = 1.3;
/** A region longer than this multiple of its nearest boundary is cut. */
const LONGEST_OVER_NEAREST = 8;
/** Powers of two of ε: the level of the innermost band, and of the last with a colour of its own. */
export const BAND_POWERS = [-2, 6];
/** No view needs more: at the last level KL is a million times ε. */
const LAST_POWER = 20;
const ELLIPSE_POINTS = 120;

/**
 * @typedef {[number, number]} Point
 * @typedef {import("./plane.js").Plane} Plane
 */

/**
 * Half the width of a square view of the true boundary and the ellipse, or of their middle.
 * @param {Plane} plane
 * @param {number} epsilon  nats
 * @returns {number} in coordinates, at most what was computed
 */
export function halfWidth(plane, epsilon) {
  const outline = plane.outline(epsilon).filter((point) => point !== null);
  const [long, short] = semiAxes(plane, epsilon);
  let longest = long;
  let nearest = short;
  for (const [x, y] of outline) {
    longest = Math.max(longest, Math.abs(x), Math.abs(y));
    nearest = Math.min(nearest, Math.hypot(x, y));
  }
  return Math.min(PLANE_MARGIN * Math.min(longest, LONGEST_OVER_NEAREST * nearest), plane.extent);
}

/** The semi-axes of the closed form's ellipse, the longer first. */
function semiAxes({ curvature: [[xx, xy], [, yy]] }, epsilon) {
  const mean = (xx + yy) / 2;
  const spread = Math.hypot((xx - yy) / 2, xy);
  return [mean - spread, mean + spread].map((eigenvalue) => Math.sqrt((2 * epsilon) / eigenvalue));
}

/**
 * Where the closed form `½ (x, y) EᵀHE (x, y)ᵀ` reaches `ε`.
 * @param {Plane} plane
 * @param {number} epsilon  nats
 * @returns {Point[]}
 */
export function planeEllipse({ curvature: [[xx, xy], [, yy]] }, epsilon) {
  // Cholesky's factor makes a circle of it
  const a = Math.sqrt(xx);
  const b = xy / a;
  const c = Math.sqrt(yy - b * b);
  const radius = Math.sqrt(2 * epsilon);
  return Array.from({ length: ELLIPSE_POINTS }, (_, i) => {
    const angle = (2 * Math.PI * i) / ELLIPSE_POINTS;
    const y = (radius * Math.sin(angle)) / c;
    return [(radius * Math.cos(angle) - b * y) / a, y];
  });
}

/**
 * @typedef {object} Band  all points with less KL than 2^power · ε
 * @property {number} power
 * @property {(Point | null)[]} outline
 */

/**
 * The bands of KL in view, the largest first: each is drawn over the one before.
 * @param {Plane} plane
 * @param {number} epsilon  nats
 * @param {number} half
 * @returns {{bands: Band[], isComplete: boolean}} whether all KL in view is known
 */
export function planeBands(plane, epsilon, half) {
  const greatest = greatestKl(plane, half);
  const bands = [];
  for (let power = BAND_POWERS[0]; power <= LAST_POWER; power += 1) {
    const level = Math.min(epsilon * 2 ** power, plane.levels[1]);
    bands.push({ power, outline: plane.outline(level) });
    if (level >= greatest || level === plane.levels[1]) break;
  }
  return { bands: bands.reverse(), isComplete: greatest <= plane.levels[1] };
}

/** The greatest KL in view, nats: it lies on the frame, and where KL is convex at a corner. */
function greatestKl(plane, half) {
  const sides = [-half, 0, half];
  const points = sides.flatMap((x) => sides.map((y) => [x, y]));
  return Math.max(...points.map(([x, y]) => plane.kl(x, y) ?? Infinity));
}

/**
 * A closed outline as the path of an SVG: where there is none it runs far out.
 * @param {(Point | null)[]} outline
 * @param {Point[]} directions  towards its points
 * @param {(x: number, y: number) => Point} place  on the screen
 * @param {number} far  in coordinates
 * @returns {string}
 */
export function filledPath(outline, directions, place, far) {
  const points = outline.map((point, i) => {
    if (point !== null) return place(...point);
    return place(far * directions[i][0], far * directions[i][1]);
  });
  return `M${points.map(planeText).join("L")}Z`;
}

/**
 * An outline as the path of an SVG, with a gap where there is none.
 * @param {(Point | null)[]} outline
 * @param {(x: number, y: number) => Point} place
 * @returns {string}
 */
export function linePath(outline, place) {
  let path = "";
  let isOpen = false;
  for (const point of [...outline, outline[0]]) {
    if (point !== null) path += `${isOpen ? "L" : "M"}${planeText(place(...point))}`;
    isOpen = point !== null;
  }
  return path;
}

/** A point of the screen to a tenth of a pixel, and no further than a browser can draw. */
function planeText([x, y]) {
  return `${planePixels(x)},${planePixels(y)}`;
}

function planePixels(pixels) {
  return Math.round(10 * Math.max(-1e5, Math.min(1e5, pixels))) / 10;
}
