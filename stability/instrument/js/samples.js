// A ray whose truth was sampled, as the network was run for it: KL and probabilities between samples, and
// the boundaries of the steps of ε, as stability/instrument/samples.py has them.

import { curve } from "./numerics.js";

/** Less is zero, whose logarithm is not drawn. */
const LEAST = 1e-300;
/** Relative: two budgets that differ by less are one. */
const SAME = 1e-9;

/**
 * @typedef {object} Samples
 * @property {number} variance    vᵀHv
 * @property {[number, number]} reach   how far either side was sampled, minus and plus
 * @property {number[]} t         the distances, in order
 * @property {number[]} kl        nats
 * @property {number[]} ids       of the leading tokens
 * @property {number[][]} probabilities   of each leading token
 * @property {number[]} epsilons  the steps of ε, nats
 * @property {[(number | null)[], (number | null)[]]} boundaries   of either side, at each step
 * @property {[string[], string[]]} kinds
 * @property {[[number, number][], [number, number][]]} flips
 */

/**
 * KL at any distance that was sampled; the nearest end's beyond.
 * @param {Samples} samples
 * @returns {(t: number) => number} nats
 */
export function sampledKl({ t, kl }) {
  const sides = [-1, 1].map((sign) => {
    const points = t.map((distance, i) => [sign * distance, kl[i]]).filter(([distance]) => distance > 0);
    if (sign < 0) points.reverse();
    const logs = points.map((point) => point.map((value) => Math.log(Math.max(value, LEAST))));
    return { first: points[0], curve: curve(logs.map(([x]) => x), logs.map(([, y]) => y)) };
  });
  return (at) => {
    const distance = Math.abs(at);
    const { first, curve: between } = sides[at > 0 ? 1 : 0];
    // from the state to the first sample KL is a parabola
    if (distance <= first[0]) return first[1] * (distance / first[0]) ** 2;
    return Math.exp(between.at(Math.log(distance)));
  };
}

/**
 * The probabilities of the leading tokens at any distance that was sampled.
 * @param {Samples} samples
 * @returns {(t: number) => number[]}
 */
export function sampledProbabilities({ t, probabilities }) {
  const curves = probabilities.map((row) => curve(t, row.map((p) => Math.log(Math.max(p, LEAST)))));
  return (at) => curves.map((between) => Math.exp(between.at(at)));
}

/**
 * The boundary of any budget: between two steps whose boundaries are both reached it is interpolated,
 * between others it is that of the larger step.
 * @param {Samples} samples
 * @returns {(sign: -1 | 1, epsilon: number) => import("./line.js").Boundary}
 */
export function sampledBoundary({ epsilons, boundaries, kinds }) {
  const logs = epsilons.map(Math.log);
  const sides = boundaries.map((distances, side) => reachedCurve(logs, distances, kinds[side]));
  return (sign, epsilon) => {
    const side = sign > 0 ? 1 : 0;
    const found = epsilons.findIndex((step) => step >= epsilon * (1 - SAME));
    const upper = found < 0 ? epsilons.length - 1 : found;
    const isStep = Math.abs(epsilons[upper] / epsilon - 1) <= SAME || upper === 0 || found < 0;
    const isBetween = !isStep && [upper - 1, upper].every((step) => kinds[side][step] === "reached");
    const distance = isBetween ? Math.exp(sides[side].at(Math.log(epsilon))) : boundaries[side][upper];
    return { distance, kind: isBetween ? "reached" : kinds[side][upper] };
  };
}

/** The logarithm of the distance over that of ε, through the steps that are reached. */
function reachedCurve(logs, distances, kinds) {
  const steps = logs.map((_, step) => step).filter((step) => kinds[step] === "reached");
  if (steps.length < 2) return null;
  return curve(steps.map((step) => logs[step]), steps.map((step) => Math.log(distances[step])));
}
