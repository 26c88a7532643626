// What a vector buys: the next tokens that take over first at the chosen position, on both sides, and the
// divergence that is paid for each. By the closed form.

import { digits } from "./format.js";
import { shortName } from "./labels.js";
import { each, html, say, set } from "./nodes.js";
import { signedText } from "./dose_words.js";
import { watch } from "./watch.js";

const SIDES = [["plus", 1, "price", "With more of it: c, nats"], ["minus", -1, "price-minus", "With less of it: c, nats"]];

/**
 * The price list.
 * @param {import("./instrument.js").Instrument} sheet
 * @returns {import("./instrument.js").Part}
 */
export function dosePrices(sheet) {
  const title = html("figcaption", {}, html("span", { class: "figure-title" }));
  const lists = SIDES.map(([, , testid, name]) => {
    const list = html("ol", { class: "price-list", "aria-label": name });
    const empty = html("p", { class: "quiet" }, "no token");
    return { node: html("div", {}, html("h3", {}, name), list, empty), list, empty, testid };
  });
  const note = html("p", { class: "figure-note" });
  const node = html("figure", { class: "figure", "data-testid": "figure-prices" }, title, html("div", { class: "prices" }, ...lists.map((list) => list.node)), note);
  const isNew = watch();
  return {
    node,
    draw({ scene, position }) {
      if (!isNew(scene.prices, scene.prices_note, scene.tokens, position)) return;
      const here = scene.prices?.[position];
      say(title.firstChild, `What it buys first, after ${shortName(scene.tokens[position].text)}`);
      say(note, here ? NOTE : (scene.prices_note ?? "The price list is being computed."));
      SIDES.forEach(([side, sign, testid], i) => {
        const { list, empty } = lists[i];
        drawPrices(sheet, list, here?.[side] ?? [], sign, testid);
        set(empty, { hidden: !here || here[side].length > 0 });
      });
    },
  };
}

const NOTE = "The coefficient at which each would be the most likely next token if logits moved in straight lines, and the nats predicted there.";

function drawPrices(sheet, list, prices, sign, testid) {
  each(list, prices, () => makePrice(sheet), (row, { text, coefficient, nats }, index) => {
    const c = sign * Math.abs(coefficient);
    const [button] = row.children;
    const [name, amount, paid] = button.children;
    row.coefficient = c;
    set(button, { "data-testid": `${testid}-${index}`, "aria-label": `${text} at ${signedText(c)}, for ${digits(nats)} nats` });
    say(name, shortName(text));
    say(amount, signedText(c));
    say(paid, digits(nats));
  });
}

function makePrice(sheet) {
  const button = html("button", { type: "button", class: "next-token" }, html("bdi", { class: "name" }), html("span"), html("span", { class: "value" }));
  const row = html("li", {}, button);
  set(button, { onclick: () => sheet.change({ c: row.coefficient }) });
  return row;
}
