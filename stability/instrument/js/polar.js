// The distances at which KL reaches some levels, all around a plane: between levels a curve of their
// logarithms, and between angles one of their ratio to the closed form's ellipse.

import { curve } from "./numerics.js";

const TURN = 2 * Math.PI;
/** Angles on either side of a whole turn that are drawn on, so that the curve has no ends. */
const OVERLAP = 2;

/**
 * In one direction, the distance of any budget: null beyond the last level that is reached.
 * @param {number[]} levels   nats
 * @param {(number | null)[]} logDistances   null from the first that is not reached on
 * @param {number[]} [slopes]  by log ε
 * @returns {(epsilon: number) => number | null}
 */
export function distances(levels, logDistances, slopes) {
  const { logLevels, known } = reached(levels, logDistances);
  if (known.length === 0) return () => null;
  const between = curve(logLevels, known, slopes?.slice(0, known.length));
  return (epsilon) => {
    const logEpsilon = Math.log(epsilon);
    if (logEpsilon > logLevels.at(-1) + 1e-9) return null;
    return Math.exp(between.at(logEpsilon) + parabola(logEpsilon - logLevels[0]));
  };
}

/**
 * KL at any point: null beyond the last level that is reached.
 * @param {{angles: number[], levels: number[], log_distances: (number | null)[][],
 *     curvature: [[number, number], [number, number]]}} table
 * @returns {(x: number, y: number) => number | null} nats
 */
export function klIn({ angles, levels, log_distances, curvature }) {
  const rings = levels.map((_, j) => ring(angles, log_distances.map((row) => row[j]), curvature));
  return (x, y) => {
    const r = Math.hypot(x, y);
    if (r === 0) return 0;
    const angle = Math.atan2(y, x);
    const { logLevels, known } = reached(levels, rings.map((around) => around(angle)));
    const log = Math.log(r) + logLength(curvature, angle);
    if (known.length === 0 || log > known.at(-1)) return null;
    if (log <= known[0]) return Math.exp(logLevels[0] + 2 * (log - known[0]));
    return Math.exp(curve(logLevels, known).inverse(log));
  };
}

/** Levels and values up to the first that is not reached. */
function reached(levels, values) {
  const end = values.indexOf(null);
  const known = end < 0 ? values : values.slice(0, end);
  return { logLevels: levels.slice(0, known.length).map(Math.log), known };
}

/** Below the least level KL is a parabola: what is added to the logarithm of its distance. */
function parabola(below) {
  return 0.5 * Math.min(below, 0);
}

/**
 * The curvature along a direction of a plane, `vᵀHv`.
 * @param {[[number, number], [number, number]]} curvature
 * @param {[number, number]} direction  of length one
 * @returns {number}
 */
export function curvatureAlong([[xx, xy], [, yy]], [x, y]) {
  return xx * x * x + 2 * xy * x * y + yy * y * y;
}

/** The logarithm of one over the closed form's distance at half a nat. */
function logLength(curvature, angle) {
  return 0.5 * Math.log(curvatureAlong(curvature, [Math.cos(angle), Math.sin(angle)]));
}

/** One level all around: the logarithm of its ratio to the closed form, null beside where it is missing. */
function ring(angles, logDistances, curvature) {
  const n = angles.length;
  const places = Array.from({ length: n + 2 * OVERLAP }, (_, i) => i - OVERLAP);
  const points = places
    .map((place) => {
      const i = (place + n) % n;
      const ratio = logDistances[i] === null ? null : logDistances[i] + logLength(curvature, angles[i]);
      return [angles[i] + TURN * Math.floor(place / n), ratio];
    })
    .filter(([, ratio]) => ratio !== null);
  if (points.length < 2) return () => null;
  const [x, y] = [0, 1].map((k) => points.map((point) => point[k]));
  const between = curve(x, y);
  return (angle) => {
    const turned = ((angle % TURN) + TURN) % TURN;
    const after = angles.findIndex((other) => other > turned);
    const neighbours = [(after < 0 ? n : after) - 1, after < 0 ? 0 : after].map((i) => (i + n) % n);
    return neighbours.some((i) => logDistances[i] === null) ? null : between.at(turned);
  };
}
