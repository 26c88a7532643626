// A dose in words: the verdict, its alternative, and how coefficients are written.

import { digits, natsText } from "./format.js";
import { plainText } from "./sentence.js";
import { STATISTICS } from "./dose_view.js";

/** That stands wherever a dose does. */
export const NO_QUALITY =
  "Nats of KL of the next token bound the damage; they do not measure the quality of a text.";

/**
 * A coefficient with its sign.
 * @param {number} c
 * @returns {string}
 */
export function signedText(c) {
  return `${c > 0 ? "+" : ""}${digits(c)}`;
}

/**
 * The finding, in pieces of a sentence.
 * @param {import("./dose_model.js").DoseModel} model
 * @returns {import("./sentence.js").Piece[]}
 */
export function doseFinding({ scene, view, information, predicted, sides }) {
  const over = STATISTICS[view.statistic];
  if (information === null) return [`A text of one token has no ${over}: choose the last token, or a longer text.`];
  if (predicted === null) return ["This vector changes nothing in the predictions of this text."];
  const formula = { term: "closed form", text: "the formula" };
  const change = [" before the prediction changes by ", { term: "nat", text: natsText(view.epsilon) }, ` (${over})`];
  if (sides[0].kind === "not known") {
    const ends = `${digits(-predicted)} to ${digits(predicted)}`;
    return ["By ", formula, ` this vector may be applied from ${ends}`, ...change, "; the true coefficients are being computed."];
  }
  const [low, high] = sides.map((side, i) => endText(side, i ? 1 : -1, scene.truth.limit));
  return [`This vector may be applied from ${low} to ${high}`, ...change, "; ", formula, ` says ${digits(predicted)} on either side.`];
}

/** The end of a range: a dose, or that there is none. */
function endText({ distance, kind }, sign, limit) {
  if (distance !== null) return digits(sign * distance);
  return kind === "unresolved" ? "within rounding" : `beyond ${digits(sign * limit)}, as far as was tried,`;
}

/**
 * The finding as a sentence to be read aloud.
 * @param {import("./dose_model.js").DoseModel} model
 * @returns {string}
 */
export function doseVerdictText(model) {
  return plainText(doseFinding(model));
}

/**
 * What is known of the text at c, in words.
 * @param {number} c
 * @param {[number, number | null]} found  predicted and true, nats
 * @param {string} statistic
 * @returns {string}
 */
export function atHandText(c, [predicted, actual], statistic) {
  const truth = actual === null ? "" : `, true ${digits(actual)}`;
  return `c = ${signedText(c)}: predicted ${digits(predicted)}${truth} nats, ${STATISTICS[statistic]}`;
}
