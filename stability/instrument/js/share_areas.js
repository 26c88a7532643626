// The stacked bands: which tokens have one, how thick it is where, and where its name stands.

import { svg, set, each } from "./nodes.js";
import { OTHERS } from "./colours.js";
import { jointProbability } from "./chosen.js";
import { path } from "./curve.js";
import { nameWidth, shortName } from "./labels.js";

/** Pixels between two samples. */
const APART = 6;
/** A token that is less likely everywhere has no band. */
const LEAST_SHARE = 0.002;
/** Pixels of the names' letters, and of the band that has room for one. */
const LETTERS = 12.5;
const LEAST_HEIGHT = 14;

/**
 * @typedef {object} Shares  of the tokens that have a band
 * @property {{x: number, t: number}[]} samples
 * @property {{id: number, text: string, colour: string}[]} bands  the lowest first
 * @property {number[][]} shares  a row each, a column a sample
 * @property {number[][]} tops    of the bands
 * @property {number[][]} all     probabilities of all named tokens, a row a sample
 */

/**
 * The probabilities in view.
 * @param {import("./model.js").Model} model
 * @param {import("./ray_place.js").Place} place
 * @returns {Shares}
 */
export function sampleShares({ line, colour }, { x, size, ends }) {
  const count = Math.max(Math.ceil((size.right - size.left) / APART), 2);
  const samples = Array.from({ length: count + 1 }, (_, i) => {
    const t = ends[0] + ((ends[1] - ends[0]) * i) / count;
    return { x: x.at(t), t };
  });
  const all = samples.map(({ t }) => line.probabilities(t));
  const kept = line.ids
    .map((id, place) => ({ id, place, text: line.texts[place], colour: colour(id) }))
    .filter((band) => band.colour !== OTHERS && all.some((row) => row[band.place] > LEAST_SHARE));
  const shares = kept.map(({ place }) => all.map((row) => row[place]));
  const heights = samples.map(() => 0);
  const tops = shares.map((row) => row.map((share, i) => (heights[i] += share)));
  return { samples, bands: kept, shares, tops, all };
}

/**
 * The areas of the bands.
 * @param {SVGElement} group
 * @param {Shares} shares
 * @param {import("./ray_place.js").Place} place
 * @param {number[]} chosen
 */
export function drawAreas(group, { samples, bands, tops }, { y }, chosen) {
  const edge = (row) => samples.map(({ x }, i) => [x, y.at(row ? row[i] : 0)]);
  const edges = [null, ...tops].map(edge);
  each(group, bands, () => svg("path"), (node, { id, colour }, band) => {
    const back = path(edges[band].toReversed()).replace("M", "L");
    set(node, { d: `${path(edges[band + 1])}${back}Z`, style: `fill: ${colour}` });
    set(node, { "data-chosen": chosen.includes(id) });
  });
}

/**
 * The joint probability of the chosen tokens.
 * @param {SVGElement} node
 * @param {Shares} shares
 * @param {import("./model.js").Model} model
 * @param {import("./ray_place.js").Place} place
 */
export function drawJoint(node, { samples, all }, model, { y }) {
  const joint = all.map((row) => jointProbability(model, model.line.ids, row));
  const height = (value) => (value === null ? null : y.at(value));
  set(node, { d: path(samples.map(({ x }, i) => [x, height(joint[i])])) });
}

/**
 * The names of the bands, each where its band has room for it, and none where there is none.
 * @param {Shares} shares
 * @param {import("./ray_place.js").Place} place
 * @returns {{text: string, x: number, y: number}[]}
 */
export function nameBands({ samples, bands, shares, tops }, { y, size }) {
  const least = (LEAST_HEIGHT * size.scale) / (size.bottom - size.top);
  return bands.flatMap(({ text }, band) => {
    const name = shortName(text);
    const half = nameWidth(name, LETTERS * size.scale) / 2 + 3;
    const reach = Math.ceil((half * (samples.length - 1)) / (size.right - size.left));
    const middle = middleOf(shares[band]);
    let best = null;
    for (let i = reach; i < samples.length - reach; i += 1) {
      const { low, high } = levelRoom(tops[band], shares[band], i - reach, i + reach);
      // beyond twice the height, nearer to the middle of the band is better
      const merit = Math.min(high - low, 2 * least) - (1e-3 * least * Math.abs(i - middle)) / samples.length;
      if (high - low > least && (!best || merit > best.merit)) best = { merit, i, level: (low + high) / 2 };
    }
    return best ? [{ text: name, x: samples[best.i].x, y: y.at(best.level) }] : [];
  });
}

/** The sample in the middle of a band's area. */
function middleOf(row) {
  const area = row.reduce((sum, share) => sum + share, 0);
  return row.reduce((sum, share, i) => sum + share * i, 0) / area;
}

/** What a band leaves free all along a stretch of samples. */
function levelRoom(tops, shares, from, to) {
  let low = 0;
  let high = 1;
  for (let i = from; i <= to; i += 1) {
    low = Math.max(low, tops[i] - shares[i]);
    high = Math.min(high, tops[i]);
  }
  return { low, high };
}

/**
 * The band at a place of the picture.
 * @param {Shares} shares
 * @param {number} x  in pixels
 * @param {number} y  in pixels
 * @param {import("./ray_place.js").Place} place
 * @returns {{id: number} | null} null above all bands
 */
export function bandAt({ samples, bands, tops }, x, y, { y: scale, size }) {
  const share = (x - size.left) / (size.right - size.left);
  const i = Math.min(Math.max(Math.round(share * (samples.length - 1)), 0), samples.length - 1);
  const probability = scale.value(y);
  return bands[tops.findIndex((row) => row[i] >= probability)] ?? null;
}
