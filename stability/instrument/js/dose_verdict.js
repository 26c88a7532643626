// The verdict on a vector: how strong it may be, in words, and what such a number does not say.

import { doseFinding, NO_QUALITY } from "./dose_words.js";
import { html } from "./nodes.js";
import { speaker } from "./sentence.js";

/**
 * The part that says what is found.
 * @param {import("./instrument.js").Instrument} sheet
 * @returns {import("./instrument.js").Part}
 */
export function doseVerdict(sheet) {
  const found = html("p", { class: "finding", "data-testid": "dose-verdict" });
  const speak = speaker(sheet, found);
  const caution = html("p", { class: "quiet" }, NO_QUALITY);
  const node = html("section", { class: "verdict", "aria-label": "What is found" }, found, caution);
  return { node, draw: (model) => speak(doseFinding(model)) };
}
