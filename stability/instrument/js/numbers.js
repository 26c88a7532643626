// The numbers that matter first, in one row that wraps: the closed form, both boundaries with its error,
// and what is certified.

import { boundaryText, bracketText, digits, errorText, length } from "./format.js";
import { word } from "./glossary.js";
import { html, say } from "./nodes.js";

/**
 * @typedef {object} Tile
 * @property {string} id
 * @property {string} name
 * @property {string} term   of the glossary
 */

/** @type {Tile[]} */
const TILES = [
  { id: "predicted", name: "predicted r", term: "closed form" },
  { id: "actual-minus", name: "actual −", term: "actual" },
  { id: "actual-plus", name: "actual +", term: "actual" },
  { id: "certified-minus", name: "certified −", term: "certified" },
  { id: "certified-plus", name: "certified +", term: "certified" },
];

/**
 * The part that shows the main numbers.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function headline(instrument) {
  const tiles = TILES.map(({ id, name, term }) => ({
    value: html("dd", { class: "value", "data-testid": id }),
    note: html("dd", { class: "note" }),
    title: html("dt", {}, word(instrument, term, name)),
  }));
  const boxes = tiles.map(({ title, value, note }) => html("div", { class: "number" }, title, value, note));
  const node = html("dl", { class: "numbers", "aria-label": "The main numbers" }, ...boxes);
  return {
    node,
    draw(model) {
      mainNumbers(model).forEach(([value, note], i) => {
        say(tiles[i].value, value);
        say(tiles[i].note, note);
      });
    },
  };
}

/**
 * The value of each number, and what is said beneath it.
 * @param {import("./model.js").Model} model
 * @returns {[string, string][]}
 */
export function mainNumbers({ line, sides, predicted, unit, scene, view }) {
  if (!line) return [["–", "no curvature"], ...TILES.slice(1).map(() => ["–", ""])];
  const share = `${digits((100 * predicted) / scene.setting.norm)} % of ‖vector‖`;
  const formula = view.relative ? "the same on both sides" : share;
  const actual = sides.map(({ boundary }) =>
    boundary.kind === "not known"
      ? ["…", "being computed"]
      : [boundaryText(boundary, unit), errorText(predicted, boundary)],
  );
  const proved = sides.map(({ bracket, boundary }) => certified(bracket, boundary, unit));
  return [[length(predicted, unit), formula], ...actual, ...proved];
}

function certified(bracket, { kind }, unit) {
  if (kind === "not known") return ["–", ""];
  if (!bracket) return ["–", kind === "not reached" ? "no boundary to prove" : "nothing is proved here"];
  return [bracketText(bracket, unit), "proved"];
}
