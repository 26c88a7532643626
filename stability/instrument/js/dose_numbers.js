// The doses at the chosen ε: the closed form's, and the true one of each side with its error.

import { COEFFICIENT } from "./dose_model.js";
import { boundaryText, digits, errorText } from "./format.js";
import { word } from "./glossary.js";
import { html, say } from "./nodes.js";

const TILES = [
  { id: "dose-predicted", name: "predicted ±", term: "closed form" },
  { id: "dose-minus", name: "true −", term: "dose" },
  { id: "dose-plus", name: "true +", term: "dose" },
];

/**
 * The part that shows the main numbers.
 * @param {import("./instrument.js").Instrument} sheet
 * @returns {import("./instrument.js").Part}
 */
export function doseNumbers(sheet) {
  const tiles = TILES.map(({ id, name, term }) => ({
    value: html("dd", { class: "value", "data-testid": id }),
    note: html("dd", { class: "note" }),
    title: html("dt", {}, word(sheet, term, name)),
  }));
  const boxes = tiles.map(({ title, value, note }) => html("div", { class: "number" }, title, value, note));
  const node = html("dl", { class: "numbers dose-numbers", "aria-label": "The doses" }, ...boxes);
  return {
    node,
    draw(model) {
      doseTiles(model).forEach(([value, note], i) => {
        say(tiles[i].value, value);
        say(tiles[i].note, note);
      });
    },
  };
}

/**
 * The value of each number, and what is said beneath it.
 * @param {import("./dose_model.js").DoseModel} model
 * @returns {[string, string][]}
 */
export function doseTiles({ scene, predicted, sides }) {
  const formula = predicted === null ? "no change" : changeText(scene, predicted);
  const truths = sides.map((side) => {
    if (side.kind === "not known") return ["…", "being computed"];
    const note = predicted === null ? "" : errorText(predicted, side);
    return [boundaryText(side, COEFFICIENT), side.distance === null ? "" : note];
  });
  return [[digits(predicted), formula], ...truths];
}

/** How long the change is: what is projected out is as long as the states have it, and not as the vector. */
function changeText({ setting: { vector }, reach }, c) {
  return vector.mode === "project" ? `${digits(c / reach)} of the states' length` : `a length of ${digits(c * vector.norm)}`;
}
