// The budgets that keys step through: ten to a decade, from 1e-4 to 3 nats. They are those of
// stability/instrument/epsilons.py, at which a line below the readout is sampled.

import { onSliderKeys } from "./drag.js";
import { EPSILONS } from "./view.js";

/** @type {number[]} nats */
export const EPSILON_STEPS = [
  ...Array.from({ length: 45 }, (_, i) => Number((10 ** ((i - 40) / 10)).toPrecision(2))),
  EPSILONS[1],
];

/** Steps to a decade. */
const DECADE = 10;

/**
 * The budget some steps further.
 * @param {number} epsilon  nats
 * @param {number} steps    downwards where negative
 * @returns {number}
 */
export function steppedEpsilon(epsilon, steps) {
  const above = EPSILON_STEPS.findIndex((step) => step > epsilon * (1 + 1e-9));
  const next = above < 0 ? EPSILON_STEPS.length : above;
  const isStep = next > 0 && Math.abs(EPSILON_STEPS[next - 1] / epsilon - 1) < 1e-9;
  // between two steps, the first step up is to the upper one, and the first down to the lower
  const from = isStep || steps > 0 ? next - 1 : next;
  return EPSILON_STEPS[Math.min(Math.max(from + steps, 0), EPSILON_STEPS.length - 1)];
}

/**
 * The budget that a hand means: three digits of it, or the nearest step where a line is known at the steps alone.
 * @param {any} sent  a scene's line
 * @param {number} epsilon  nats
 * @returns {number}
 */
export function meantEpsilon(sent, epsilon) {
  const clamped = Math.min(Math.max(epsilon, EPSILONS[0]), EPSILONS[1]);
  if (sent?.kind !== "sampled") return Number(clamped.toPrecision(3));
  const distance = (step) => Math.abs(Math.log(step / clamped));
  return EPSILON_STEPS.reduce((best, step) => (distance(step) < distance(best) ? step : best));
}

/**
 * Let the keys of a slider set ε.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {HTMLElement | SVGElement} node
 */
export function onEpsilonKeys(instrument, node) {
  const to = (epsilon) => instrument.change({ epsilon });
  onSliderKeys(node, (steps) => to(steppedEpsilon(instrument.view().epsilon, steps)), {
    low: () => to(EPSILON_STEPS[0]),
    high: () => to(EPSILON_STEPS.at(-1)),
    page: DECADE,
  });
}
