// The plane of two directions: KL, the true boundary and probabilities at every point, from the
// distances at which KL reaches some levels at some angles. Between angles the ratio to the closed form's
// ellipse is interpolated, which varies little however long the region is; between levels its logarithm.

import { solve } from "./numerics.js";

const FULL_TURN = 2 * Math.PI;

/**
 * @typedef {object} Plane
 * @property {boolean} exact       whether KL holds everywhere, or at the sampled angles alone
 * @property {number[]} angles     the sampled ones, radians
 * @property {[number, number]} levels   the least and the greatest ε, nats
 * @property {(epsilon: number) => (number | null)[]} distances   of the boundary at each sampled angle
 * @property {(epsilon: number, angle: number) => number | null} distance   of the boundary at any angle
 * @property {(angle: number) => number} curvature   vᵀHv along a direction of the plane
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
  const count = sent.log_distances.length;
  const angles = sent.log_distances.map((_, i) => (i * FULL_TURN) / count);
  const logLevels = sent.levels.map(Math.log);
  const [[xx, xy], [, yy]] = sent.curvature;
  const curvature = (angle) => {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    return xx * c * c + 2 * xy * c * s + yy * s * s;
  };
  const ratios = sent.log_distances.map((row, i) => {
    const shift = 0.5 * Math.log(curvature(angles[i]));
    return row.map((value) => (value === null ? null : value + shift));
  });
  const slopes = sent.slopes ?? ratios.map((row) => planeSlopes(logLevels, row));
  const curves = ratios.map((row, i) => planeCurve(logLevels, row, slopes[i]));
  const at = (angle) => planeBlend(curves, angle);
  const distanceAt = (curve, logEpsilon, angle) => {
    const ratio = curve.at(logEpsilon);
    return ratio === null ? null : Math.exp(ratio - 0.5 * Math.log(curvature(angle)));
  };
  const kl = (x, y) => {
    const r = Math.hypot(x, y);
    if (r === 0) return 0;
    const angle = Math.atan2(y, x);
    const logKl = at(angle).inverse(Math.log(r) + 0.5 * Math.log(curvature(angle)));
    return logKl === null ? null : Math.exp(logKl);
  };
  const logits = sent.log_probs && ((x, y) =>
    sent.log_probs.map((logP, i) => logP + x * sent.slopes_x[i] + y * sent.slopes_y[i]));
  return {
    exact: sent.exact,
    angles,
    levels: [sent.levels[0], sent.levels.at(-1)],
    distances: (epsilon) => curves.map((curve, i) => distanceAt(curve, Math.log(epsilon), angles[i])),
    distance: (epsilon, angle) => distanceAt(at(angle), Math.log(epsilon), angle),
    curvature,
    kl,
    probabilities: logits && ((x, y, nats) => logits(x, y).map((logit) => Math.exp(logit - nats))),
    winner: (x, y) => planeWinner(sent, logits, x, y),
    ids: sent.ids ?? [],
    texts: sent.texts ?? [],
    cells: sent.cells,
    extent: sent.cells_extent,
  };
}

/** The most likely token at a point, by the logits where they are known, else by the cells. */
function planeWinner(sent, logits, x, y) {
  if (logits) {
    const values = logits(x, y);
    const place = values.indexOf(Math.max(...values));
    return { id: sent.ids[place], text: sent.texts[place] };
  }
  const cell = sent.cells.find(({ corners }) => planeHolds(corners, x, y));
  return cell ? { id: cell.id, text: cell.text } : null;
}

/** Whether a polygon holds a point: a line from it crosses its edge an odd number of times. */
function planeHolds(corners, x, y) {
  let isInside = false;
  corners.forEach(([x1, y1], i) => {
    const [x2, y2] = corners[(i + 1) % corners.length];
    if (y1 > y !== y2 > y && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)) isInside = !isInside;
  });
  return isInside;
}

/** Slopes between sampled levels that overshoot nowhere. */
function planeSlopes(logLevels, row) {
  const secant = (j) =>
    row[j] === null || row[j + 1] === null || row[j + 1] === undefined || j < 0
      ? null
      : (row[j + 1] - row[j]) / (logLevels[j + 1] - logLevels[j]);
  return row.map((_, j) => {
    const [before, after] = [secant(j - 1), secant(j)];
    if (before === null || after === null) return before ?? after ?? 0.5;
    return before * after <= 0 ? 0 : (2 * before * after) / (before + after);
  });
}

/** One increasing curve of log ratio over log ε, and its inverse. */
function planeCurve(logLevels, values, slopes) {
  const known = values.findIndex((value) => value === null);
  const last = (known < 0 ? values.length : known) - 1;
  const within = (j, u) => {
    const step = logLevels[j + 1] - logLevels[j];
    return hermite(u, values[j], values[j + 1], slopes[j] * step, slopes[j + 1] * step);
  };
  return {
    values,
    slopes,
    logLevels,
    at(logEpsilon) {
      if (last < 0 || logEpsilon > logLevels[last] + 1e-12) return null;
      if (logEpsilon <= logLevels[0]) return values[0] + slopes[0] * (logEpsilon - logLevels[0]);
      const j = Math.min(planePlace(logLevels, logEpsilon, last), last - 1);
      return within(j, (logEpsilon - logLevels[j]) / (logLevels[j + 1] - logLevels[j]))[0];
    },
    inverse(ratio) {
      if (last < 0 || ratio > values[last]) return null;
      if (ratio <= values[0]) return logLevels[0] + (ratio - values[0]) / slopes[0];
      const j = Math.min(planePlace(values, ratio, last), last - 1);
      const u = solve((v) => within(j, v).map((part, k) => (k ? part : part - ratio)), 0, 1);
      return logLevels[j] + u * (logLevels[j + 1] - logLevels[j]);
    },
  };
}

/** The curve at any angle: a cubic through the four sampled ones about it. */
function planeBlend(curves, angle) {
  const count = curves.length;
  const place = (((angle / FULL_TURN) % 1) + 1) % 1 * count;
  const first = Math.floor(place) % count;
  const u = place - Math.floor(place);
  if (u === 0) return curves[first];
  const [a, b, c, d] = [-1, 0, 1, 2].map((k) => curves[(first + k + count) % count]);
  const [wa, wb, wc, wd] = [
    0.5 * u * (u * (2 - u) - 1),
    0.5 * (u * u * (3 * u - 5) + 2),
    0.5 * u * (u * (4 - 3 * u) + 1),
    0.5 * u * u * (u - 1),
  ];
  const mix = (name) =>
    b[name].map((value, j) => {
      if (b.values[j] === null || c.values[j] === null) return null;
      if (a.values[j] === null || d.values[j] === null) return (1 - u) * value + u * c[name][j];
      return wa * a[name][j] + wb * value + wc * c[name][j] + wd * d[name][j];
    });
  return planeCurve(b.logLevels, mix("values"), mix("slopes"));
}

/** The last place at which an increasing list does not exceed a value. */
function planePlace(list, value, last) {
  let [low, high] = [0, last];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (list[middle] <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Hermite's cubic and its derivative at `u` in [0, 1]. */
function hermite(u, y0, y1, m0, m1) {
  const difference = y1 - y0;
  const b = 3 * difference - 2 * m0 - m1;
  const c = m0 + m1 - 2 * difference;
  return [y0 + u * (m0 + u * (b + u * c)), m0 + u * (2 * b + u * 3 * c)];
}
