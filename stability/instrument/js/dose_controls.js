// What a dose is read by: ε, the statistic over tokens, the scale of coefficients.

import { DOSE_EPSILONS, STATISTICS } from "./dose_view.js";
import { natsText } from "./format.js";
import { each, html, say, set } from "./nodes.js";

/**
 * The part with the switches.
 * @param {import("./instrument.js").Instrument} sheet
 * @returns {import("./instrument.js").Part}
 */
export function doseControls(sheet) {
  const choices = [
    choice(sheet, "epsilon", "Nats that count as a change", DOSE_EPSILONS, natsText),
    choice(sheet, "statistic", "Over which tokens", Object.keys(STATISTICS), (name) => STATISTICS[name]),
    choice(sheet, "linear", "Scale of coefficients", [false, true], (isLinear) => (isLinear ? "linear" : "log")),
    largeType(sheet),
  ];
  return {
    node: html("div", { class: "row dose-controls" }, ...choices.map(({ node }) => node)),
    draw: ({ view }) => choices.forEach(({ draw }) => draw(view)),
  };
}

/**
 * A row of buttons, of which one is pressed.
 * @param {import("./instrument.js").Instrument} sheet
 * @param {string} field  of the view
 * @param {string} name   for those who do not see it
 * @param {any[]} options
 * @param {(option: any) => string} text
 */
export function choice(sheet, field, name, options, text) {
  const node = html("span", { class: "tools", role: "group", "aria-label": name });
  each(node, options, (option) => {
    const onclick = () => sheet.change({ [field]: option });
    return html("button", { type: "button", class: "switch", "data-testid": `${field}-${option}`, onclick }, text(option));
  }, () => {});
  return {
    node,
    draw(view) {
      each(node, options, null, (button, option) => {
        set(button, { "aria-pressed": String(view[field] === option) });
        say(button, text(option));
      });
    },
  };
}

function largeType(sheet) {
  const onclick = () => sheet.change({ large: !sheet.view().large });
  const node = html("button", { type: "button", class: "switch", "data-testid": "large", onclick }, "large type");
  return { node, draw: ({ large }) => set(node, { "aria-pressed": String(large) }) };
}
