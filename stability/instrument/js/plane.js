// The plane of two directions: KL, the true boundary and probabilities at every point. Where the logits
// are linear KL is that of some thousand atoms; elsewhere it is interpolated in a table of the distances
// at which it reaches some levels, all around.

import { klAndGrowth } from "./measure.js";
import { distances, klIn } from "./polar.js";
import { isWithin, middleAndArea } from "./polygon.js";

/**
 * @typedef {object} Plane
 * @property {boolean} exact       whether KL holds everywhere, or at the sampled angles alone
 * @property {[number, number]} levels   the least and the greatest ε, nats
 * @property {(epsilon: number) => ([number, number] | null)[]} outline   where KL reaches ε, all around
 * @property {[number, number][]} directions   unit vectors towards the points of an outline
 * @property {[[number, number], [number, number]]} curvature   EᵀHE, the Hessian in the plane
 * @property {(x: number, y: number) => number | null} kl   null beyond what was computed
 * @property {((x: number, y: number, nats: number) => number[]) | null} probabilities   of the named tokens
 * @property {(x: number, y: number) => {id: number, text: string} | null} winner   most likely token
 * @property {number[]} ids
 * @property {string[]} texts
 * @property {{id: number, text: string, corners: [number, number][]}[]} cells
 * @property {number} extent       half the width of the square that the cells fill
 */

/**
 * The plane of a scene.
 * @param {any} sent
 * @returns {Plane}
 */
export function plane(sent) {
  const rows = sent.log_distances.map((row, i) => distances(sent.levels, row, sent.slopes?.[i]));
  const directions = sent.angles.map((angle) => [Math.cos(angle), Math.sin(angle)]);
  const outline = (epsilon) =>
    rows.map((row, i) => {
      const distance = row(epsilon);
      return distance === null ? null : directions[i].map((part) => part * distance);
    });
  const logits = sent.log_probs && ((x, y) =>
    sent.log_probs.map((logP, i) => logP + x * sent.slopes_x[i] + y * sent.slopes_y[i]));
  return {
    exact: sent.exact,
    levels: [sent.levels[0], sent.levels.at(-1)],
    outline,
    directions,
    curvature: sent.curvature,
    kl: sent.atoms ? (x, y) => klOfAtoms(sent.atoms, x, y) : klIn(sent),
    probabilities: logits && ((x, y, nats) => logits(x, y).map((logit) => Math.exp(logit - nats))),
    winner: (x, y) => winner(sent, logits, x, y),
    ids: sent.ids,
    texts: sent.texts,
    cells: sent.cells,
    extent: sent.cells_extent,
  };
}

/** `log E[exp(x·a + y·b)]`. */
function klOfAtoms(atoms, x, y) {
  const shifts = new Float64Array(atoms.x.length);
  for (let i = 0; i < shifts.length; i += 1) shifts[i] = x * atoms.x[i] + y * atoms.y[i];
  return klAndGrowth(shifts, atoms.log_weights)[0];
}

/** The most likely token at a point, by the logits where they are known, else by the cells. */
function winner(sent, logits, x, y) {
  if (logits) {
    const values = logits(x, y);
    const place = values.indexOf(Math.max(...values));
    return { id: sent.ids[place], text: sent.texts[place] };
  }
  // one that lies within another is drawn by its own cell, the smaller
  const around = sent.cells.filter(({ corners }) => isWithin(corners, x, y));
  const cell = around.sort((a, b) => middleAndArea(a.corners).area - middleAndArea(b.corners).area)[0];
  return cell ? { id: cell.id, text: cell.text } : null;
}
