// A ray whose truth was sampled, as the network was run for it: KL and probabilities between samples, and
// the boundaries of the steps of ε, as stability/instrument/samples.py has them.

import { curve, solve } from "./numerics.js";

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
export function sampledKl(samples) {
  const sides = [-1, 1].map((sign) => {
    const points = side(samples, sign);
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

/** The distances of one side, nearest first, with the KL at each. */
function side({ t, kl }, sign) {
  const points = t.map((distance, i) => [sign * distance, kl[i]]).filter(([distance]) => distance > 0);
  return sign < 0 ? points.reverse() : points;
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
 * The boundary of any budget: at a step of `ε` the one that was searched for, and between two where the
 * samples first reach it beyond the smaller one's.
 * @param {Samples} samples
 * @returns {(sign: -1 | 1, epsilon: number) => import("./line.js").Boundary}
 */
export function sampledBoundary(samples) {
  const { epsilons, boundaries, kinds } = samples;
  const kl = sampledKl(samples);
  return (sign, epsilon) => {
    const [distances, how] = [boundaries, kinds].map((both) => both[sign > 0 ? 1 : 0]);
    const found = epsilons.findIndex((step) => step >= epsilon * (1 - SAME));
    const upper = found < 0 ? epsilons.length - 1 : found;
    const isStep = upper === 0 || found < 0 || epsilons[upper] <= epsilon * (1 + SAME);
    if (isStep) return { distance: distances[upper], kind: how[upper] };
    // what hides the smaller budget may hide this one too
    if (distances[upper - 1] === null) return { distance: null, kind: how[upper - 1] };
    const ends = crossing(side(samples, sign), epsilon, distances[upper - 1], distances[upper]);
    if (ends === null) return { distance: null, kind: how[upper] };
    const excess = (u) => [kl(sign * Math.exp(u)) - epsilon, 0];
    const distance = Math.exp(solve(excess, ...ends.map(Math.log)));
    return { distance, kind: how[upper] === "jump" ? "jump" : "reached" };
  };
}

/** The two distances between which samples first reach `ε` from `low` on; null where they do not. */
function crossing(points, epsilon, low, high) {
  let before = low;
  for (const [distance, nats] of points) {
    if (distance <= low) continue;
    if (high !== null && distance >= high) break;
    if (nats >= epsilon) return [before, distance];
    before = distance;
  }
  return high === null ? null : [before, high];
}
