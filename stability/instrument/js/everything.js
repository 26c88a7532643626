// All the other numbers, on demand: a table with values, units and meanings.

import { word } from "./glossary.js";
import { each, html, say } from "./nodes.js";
import { numberRows } from "./number_rows.js";

/**
 * The part that lists all numbers, folded.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function everything(instrument) {
  const body = html("tbody");
  const head = html(
    "tr",
    {},
    ...["quantity", "value", "unit", "meaning"].map((name) => html("th", { scope: "col" }, name)),
  );
  const table = html("table", { class: "rows" }, html("thead", {}, head), body);
  const node = html(
    "details",
    { class: "everything" },
    html("summary", {}, "All numbers"),
    html("div", { class: "scrolls", tabindex: 0, role: "region", "aria-label": "All numbers" }, table),
  );
  let seen = null;
  const draw = (model) => {
    seen = model;
    if (!node.open) return;
    each(body, numberRows(model), () => makeNumberRow(instrument), changeNumberRow);
  };
  node.addEventListener("toggle", () => seen && draw(seen));
  return { node, draw };
}

function makeNumberRow(instrument) {
  const name = html("th", { scope: "row" }, word(instrument, "flip", ""));
  return html("tr", {}, name, html("td", { class: "amount" }), html("td"), html("td"));
}

function changeNumberRow(node, { name, term, value, unit, meaning, id }) {
  const [title, ...cells] = node.children;
  title.firstChild.dataset.term = term;
  say(title.firstChild, name);
  node.dataset.testid = `number-${id}`;
  [value, unit, meaning].forEach((text, i) => say(cells[i], text));
}
