// One direction from one state, as all that is drawn asks for it: the same for a truth that is exact, for
// one that was sampled, and for the closed form alone.

import { bracket } from "./certificate.js";
import { boundary, kl, predictedRadius, probabilities, quadratic, winner } from "./law.js";
import { sampledBoundary, sampledKl, sampledProbabilities } from "./samples.js";

/**
 * @typedef {{distance: number | null,
 *     kind: "reached" | "jump" | "not reached" | "unresolved" | "not known"}} Boundary
 *     not known, while the truth is being computed
 *
 * @typedef {object} Line
 * @property {(t: number) => number | null} kl    null while the truth is not known
 * @property {(t: number) => number} quadratic
 * @property {(epsilon: number) => number} predictedRadius
 * @property {(sign: -1 | 1, epsilon: number) => Boundary} boundary
 * @property {(sign: -1 | 1, epsilon: number) => [number, number] | null} certificate
 * @property {(t: number) => number[]} probabilities  of the named tokens
 * @property {(t: number) => number} winner           place of the most likely among the named
 * @property {[[number, number][], [number, number][]]} flips
 * @property {number[]} ids
 * @property {string[]} texts
 * @property {[number, number]} reach
 */

const TRUTHS = { exact: exactly, sampled, "closed form": unknown };

/**
 * The line of a scene.
 * @param {any} sent
 * @returns {Line}
 */
export function line(sent) {
  return {
    quadratic: (t) => quadratic(sent, t),
    predictedRadius: (epsilon) => predictedRadius(sent, epsilon),
    winner: (t) => winner(sent, t),
    flips: sent.flips,
    ids: sent.ids,
    texts: sent.texts,
    reach: sent.reach,
    ...TRUTHS[sent.kind](sent),
  };
}

function exactly(law) {
  return {
    kl: (t) => kl(law, t),
    boundary: (sign, epsilon) => {
      const distance = boundary(law, sign, epsilon);
      return { distance, kind: distance === null ? "not reached" : "reached" };
    },
    certificate: (sign, epsilon) => {
      const ends = bracket(law, sign, epsilon);
      return Number.isFinite(ends[1]) ? ends : null;
    },
    probabilities: (t) => probabilities(law, t),
  };
}

function sampled(samples) {
  return {
    kl: sampledKl(samples),
    boundary: sampledBoundary(samples),
    certificate: () => null,
    probabilities: sampledProbabilities(samples),
  };
}

function unknown() {
  return {
    kl: () => null,
    boundary: () => ({ distance: null, kind: "not known" }),
    certificate: () => null,
    probabilities: () => [],
    winner: () => 0,
    flips: [[], []],
    ids: [],
    texts: [],
  };
}
