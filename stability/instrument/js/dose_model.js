// The model of a dose's picture: the scene and the view, and all numbers that follow from the two.

import { predictedDose, predictedKl, statisticOf } from "./dose_law.js";
import { meantCoefficient } from "./dose_view.js";

/** Coefficients have no unit but the vector itself. */
export const COEFFICIENT = { length: 1, symbol: "" };

/**
 * @typedef {object} TrueSide
 * @property {number | null} distance  away from zero, in the vector's own units
 * @property {"reached" | "not reached" | "unresolved" | "undefined" | "not known"} kind
 *
 * @typedef {object} DoseModel
 * @property {any} scene  see stability/steering/scenes/scene.py
 * @property {import("./dose_view.js").DoseView} view
 * @property {number | null} information  of the chosen statistic
 * @property {number | null} predicted    dose at ε
 * @property {[TrueSide, TrueSide]} sides minus and plus, at ε
 * @property {number} position            of the token that is looked at
 * @property {number} c                   the coefficient
 * @property {number[]} predictedKls      of each token at c
 * @property {number[] | null} kls        the true ones; null as long as they are not known
 * @property {any | null} pass            that they come from; null at c = 0
 * @property {number | null} unit         below which the scale is nearly linear; null for a linear one
 */

/**
 * @param {any} scene
 * @param {import("./dose_view.js").DoseView} view
 * @returns {DoseModel}
 */
export function doseModel(scene, view) {
  const { tokens } = scene;
  const information = scene.information[view.statistic];
  const c = coefficientIn(scene, view);
  const pass = scene.passes.find((one) => one.c === c) ?? null;
  const last = tokens.length - 1;
  return {
    scene,
    view,
    information,
    predicted: predictedDose(information, view.epsilon),
    sides: trueSides(scene, view.epsilon, view.statistic),
    position: view.token < 0 || view.token > last ? last : view.token,
    c,
    predictedKls: tokens.map((token) => predictedKl(token.information, c)),
    kls: c === 0 ? tokens.map(() => 0) : (pass?.kl ?? null),
    pass,
    unit: view.linear ? null : predictedDose(largestInformation(scene), scene.epsilons[0]),
  };
}

/**
 * The coefficient that is looked at: as set, or else the predicted dose.
 * @param {any} scene
 * @param {import("./dose_view.js").DoseView} view
 * @returns {number}
 */
export function coefficientIn({ information }, view) {
  return meantCoefficient(view.c ?? predictedDose(information[view.statistic], view.epsilon) ?? 0);
}

/**
 * A coefficient, or the end of what is drawn on its side.
 * @param {number} c
 * @param {number} extent
 * @returns {number}
 */
export function within(c, extent) {
  return Math.min(Math.max(c, -extent), extent);
}

/**
 * The scene, drawn as far as the coefficient that is looked at.
 * @param {any} scene
 * @param {import("./dose_view.js").DoseView} view
 * @returns {any} the same where it reaches so far
 */
export function drawnFor(scene, view) {
  const extent = Math.abs(coefficientIn(scene, view));
  return extent > scene.extent ? { ...scene, extent } : scene;
}

/**
 * The true doses of a statistic on both sides.
 * @returns {[TrueSide, TrueSide]}
 */
export function trueSides({ truth }, epsilon, statistic) {
  const row = truth?.doses.find((one) => one.epsilon === epsilon && one.statistic === statistic);
  if (!row) return [0, 1].map(() => ({ distance: null, kind: "not known" }));
  return ["minus", "plus"].map((side, i) => ({ distance: row[side], kind: row.kinds[i] }));
}

/**
 * The chosen statistic of the divergences at c: the predicted one, and the true one if it is known.
 * @param {DoseModel} model
 * @returns {[number, number | null]} nats
 */
export function statisticsAtHand({ scene, information, c, kls, view }) {
  return [predictedKl(information, c), kls && statisticOf(view.statistic, kls, scene.start)];
}

/** The smallest dose sets the scale, whatever statistic is chosen. */
function largestInformation({ information }) {
  return Math.max(...Object.values(information).map((value) => value ?? 0));
}
