// One direction from one state, as all that is drawn asks for it.

import { boundary, certificate, kl, predictedRadius, probabilities, quadratic, winner } from "./law.js";

/**
 * @typedef {{distance: number | null, kind: "reached" | "jump" | "not reached" | "unresolved"}} Boundary
 *
 * @typedef {object} Line
 * @property {(t: number) => number} kl
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

/**
 * The line of a scene.
 * @param {any} sent
 * @returns {Line}
 */
export function line(sent) {
  return {
    kl: (t) => kl(sent, t),
    quadratic: (t) => quadratic(sent, t),
    predictedRadius: (epsilon) => predictedRadius(sent, epsilon),
    boundary: (sign, epsilon) => {
      const distance = boundary(sent, sign, epsilon);
      return { distance, kind: distance === null ? "not reached" : "reached" };
    },
    certificate: (sign, epsilon) => certificate(sent, sign, epsilon),
    probabilities: (t) => probabilities(sent, t),
    winner: (t) => winner(sent, t),
    flips: sent.flips,
    ids: sent.ids,
    texts: sent.texts,
    reach: sent.reach,
  };
}
