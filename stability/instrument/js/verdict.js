// The verdict: the finding in words, what of it is certain, and for an example what to look at.

import { certainty, finding } from "./finding.js";
import { html, say, set } from "./nodes.js";
import { plainText, speaker } from "./sentence.js";

/**
 * The part that says what is found.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function verdict(instrument) {
  const found = html("p", { class: "finding", "data-testid": "verdict" });
  const certain = html("p", { class: "certainty" });
  const look = html("p", { class: "look-at" });
  const speak = speaker(instrument, found);
  const node = html("section", { class: "verdict", "aria-label": "What is found" }, found, certain, look);
  return {
    node,
    draw(model) {
      speak(finding(model));
      say(certain, certainty(model));
      const note = model.scene.look_at;
      say(look, note ? `Look at this: ${note}` : "");
      set(look, { hidden: !note });
    },
  };
}

/**
 * The finding as a sentence to be read aloud.
 * @param {import("./model.js").Model} model
 * @returns {string}
 */
export function verdictText(model) {
  return plainText(finding(model));
}
