// The vector: where it comes from, where it was measured and is applied, and what is easily got wrong.

import { digits } from "./format.js";
import { each, html, say, set } from "./nodes.js";
import { watch } from "./watch.js";

/**
 * The part that says what the vector is.
 * @param {import("./instrument.js").Instrument} sheet
 * @returns {import("./instrument.js").Part}
 */
export function doseAbout() {
  const told = html("p", { "data-testid": "vector" });
  const warnings = html("ul", { class: "warnings" });
  const node = html("section", { class: "dose-about", "aria-label": "The vector" }, told, warnings);
  const isNew = watch();
  return {
    node,
    draw({ scene }) {
      if (!isNew(scene)) return;
      say(told, vectorText(scene));
      each(warnings, scene.setting.vector.warnings, () => html("li"), say);
      set(warnings, { hidden: !scene.setting.vector.warnings.length });
    },
  };
}

/**
 * The vector in a sentence or two.
 * @param {any} scene
 * @returns {string}
 */
export function vectorText({ setting, reach }) {
  const { vector, positions } = setting;
  const where = vector.sites.map(({ site, extracted, norm }) => {
    const measured = extracted && extracted !== site ? `measured at ${extracted}, applied at ${site}` : extracted ? `measured and applied at ${site}` : `applied at ${site}`;
    return `${measured}, length ${digits(norm)}`;
  });
  const shown = where.length > 3 ? [...where.slice(0, 2), `and ${where.length - 2} more sites`] : where;
  const how = vector.mode === "project" ? "projected out of" : "added to";
  const at = typeof positions === "string" ? { all: "all tokens", last: "the last token" }[positions] ?? `tokens ${positions}` : `tokens ${positions.join(", ")}`;
  const own = vector.coefficient === null ? "" : ` Its file proposes a coefficient of ${digits(vector.coefficient)}.`;
  return `The vector: ${vector.file} (${vector.format}); ${shown.join("; ")}; ${how} ${at}. At a coefficient of ${digits(reach)} it is as long as the states that it changes.${own}`;
}
