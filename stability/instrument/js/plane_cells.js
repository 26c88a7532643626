// The cells of the most likely token that are in view, and the edges between them.

import { middleAndArea } from "./polygon.js";

/** Part of the view that a cell needs to have room for its name. */
const LEAST_NAMED_AREA = 0.02;

/**
 * @typedef {[number, number]} Point
 * @typedef {import("./plane.js").Plane} Plane
 *
 @typedef {object} CellInView
 * @property {number} id
 * @property {string} text
 * @property {Point} middle   of the part in view
 * @property {boolean} hasRoom  for its name
 */

/**
 * The cells of which a part is in view, the largest first.
 * @param {Plane} plane
 * @param {number} half
 * @returns {CellInView[]}
 */
export function cellsInView(plane, half) {
  const roomy = LEAST_NAMED_AREA * (2 * half) ** 2;
  return plane.cells
    .map(({ id, text, corners }) => ({ id, text, ...middleAndArea(clippedToView(corners, half)) }))
    .filter(({ area }) => area > 0)
    .sort((a, b) => b.area - a.area)
    .map(({ id, text, middle, area }) => ({ id, text, middle, hasRoom: area > roomy }));
}

/** The part of a convex polygon within a square about the origin. */
function clippedToView(corners, half) {
  let polygon = corners;
  for (const [axis, sign] of [
    [0, 1],
    [0, -1],
    [1, 1],
    [1, -1],
  ]) {
    const room = (point) => half - sign * point[axis];
    polygon = polygon.flatMap((point, i) => {
      const next = polygon[(i + 1) % polygon.length];
      const [here, there] = [room(point), room(next)];
      const kept = here >= 0 ? [point] : [];
      if (here >= 0 === there >= 0) return kept;
      const u = here / (here - there);
      return [...kept, [point[0] + u * (next[0] - point[0]), point[1] + u * (next[1] - point[1])]];
    });
  }
  return polygon;
}

/**
 * The edges between cells, without the frame of what was computed.
 * @param {Plane} plane
 * @returns {[Point, Point][]}
 */
export function cellEdges({ cells, extent }) {
  const isFramed = ([x1, y1], [x2, y2]) =>
    (x1 === x2 && Math.abs(x1) === extent) || (y1 === y2 && Math.abs(y1) === extent);
  return cells.flatMap(({ corners }) =>
    corners
      .map((corner, i) => [corner, corners[(i + 1) % corners.length]])
      .filter(([start, stop]) => !isFramed(start, stop)),
  );
}
