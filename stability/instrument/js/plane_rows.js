// The plane in numbers: the boundary all around, and what the closed form says of it.

import { boundaryText, errorText, length } from "./format.js";
import { predictedRadius } from "./law.js";
import { curvatureAlong } from "./polar.js";

/** Rows of the table. */
const DIRECTIONS = 24;

export const PLANE_HEADINGS = ["direction", "actual boundary", "closed form", "error"];

/**
 * The rows of the table: directions from the first axis towards the second.
 * @param {import("./plane_picture.js").Shown} shown
 * @returns {string[][]}
 */
export function planeRows({ plane, epsilon, unit }) {
  const outline = plane.outline(epsilon);
  const step = Math.max(1, Math.round(outline.length / DIRECTIONS));
  const chosen = plane.directions
    .map((direction, i) => [direction, outline[i]])
    .filter((_, i) => i % step === 0);
  return chosen.map(([[x, y], point]) => {
    const degrees = (Math.atan2(y, x) * 180) / Math.PI;
    const predicted = predictedRadius({ variance: curvatureAlong(plane.curvature, [x, y]) }, epsilon);
    const boundary = point
      ? { distance: Math.hypot(...point), kind: "reached" }
      : { distance: null, kind: "not reached" };
    return [
      `${degrees.toFixed(1).replace("-", "−")}°`,
      boundaryText(boundary, unit),
      length(predicted, unit),
      errorText(predicted, boundary),
    ];
  });
}
