// Rays that were kept, beside the present one: their numbers with differences, and the next tokens at the
// same t.

import { OTHERS } from "./colours.js";
import { comparedColumns, pinDifference, pinName } from "./compared.js";
import { length, percent } from "./format.js";
import { each, html, say, set } from "./nodes.js";

/**
 * The part that keeps rays and compares them.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function compare(instrument) {
  const button = (name, text) =>
    html(
      "button",
      { type: "button", "data-testid": name, onclick: () => instrument.send({ kind: name }) },
      text,
    );
  const [pin, reset] = [button("pin", "Pin this ray"), button("reset", "Start again")];
  const hint = html("span", { class: "quiet" }, "Keep it, and see the next one against it.");
  const tools = html("div", { class: "compare-tools" }, pin, reset, hint);
  const kept = keptRays(instrument);
  const node = html("section", { class: "compare", "aria-label": "Keep and compare" }, tools, kept.node);
  return {
    node,
    draw(model) {
      const hasPins = model.pins.length > 0;
      set(pin, { disabled: !model.line });
      set(hint, { hidden: hasPins });
      set(kept.node, { hidden: !hasPins });
      if (hasPins) kept.draw(model);
    },
  };
}

/** The rays that are kept: their names, their numbers, and their next tokens. */
function keptRays(instrument) {
  const [names, head, body] = [html("div", { class: "pins" }), html("tr"), html("tbody")];
  const table = html("table", { class: "rows" }, html("thead", {}, head), body);
  const bars = html("div", { class: "pin-bars" });
  const make = (_, index) => makePin(instrument, index);
  return {
    node: html("div", { class: "kept" }, names, html("div", { class: "scrolls", tabindex: 0, role: "region", "aria-label": "Rays compared" }, table), bars),
    draw(model) {
      const columns = comparedColumns(model);
      each(names, model.pins, make, (child, pin) =>
        say(child.firstChild, pinName(pin.scene.setting, model.scene.setting)),
      );
      drawCompareHead(head, columns);
      drawCompareRows(body, columns);
      each(bars, columns, makePinBars, (child, column) => drawPinBars(child, column, model));
    },
  };
}

function makePin(instrument, index) {
  const onclick = () => instrument.send({ kind: "unpin", index });
  const label = `Unpin ray ${index + 1}`;
  return html(
    "span",
    { class: "pin" },
    html("bdi"),
    html("button", { type: "button", "aria-label": label, "data-testid": `unpin-${index}`, onclick }, "×"),
  );
}

function drawCompareHead(head, [now, ...pins]) {
  const titles = ["", now.name, ...pins.flatMap(({ name }) => [name, "now − it"])];
  each(
    head,
    titles,
    () => html("th", { scope: "col" }),
    (cell, title) => say(cell, title),
  );
}

function drawCompareRows(body, [now, ...pins]) {
  const cell = (_, index) => (index ? html("td", { class: "amount" }) : html("th", { scope: "row" }));
  each(
    body,
    now.rows,
    () => html("tr"),
    (node, row, i) => {
      const beside = pins.flatMap(({ rows }) => [
        rows[i]?.text ?? "–",
        pinDifference(row.value, rows[i]?.value),
      ]);
      each(node, [row.name, row.text, ...beside], cell, (child, text) => say(child, text));
    },
  );
}

function makePinBars() {
  return html("div", { class: "pin-tokens" }, html("h4"), html("div"));
}

function drawPinBars(node, { name, next }, { view, unit, colour }) {
  say(node.firstChild, `${name}, at t = ${length(view.t, unit)}`);
  const make = () =>
    html("div", { class: "pin-token" }, html("bdi"), html("i", {}, html("b")), html("span"));
  each(node.lastChild, next, make, (row, { id, text, probability }) => {
    const [label, bar, value] = row.children;
    say(label, text);
    const own = colour(id);
    // a token without a colour of its own has that of the words
    Object.assign(bar.firstChild.style, {
      width: `${(100 * probability).toFixed(2)}%`,
      background: own === OTHERS ? "" : own,
    });
    say(value, percent(probability));
  });
}
