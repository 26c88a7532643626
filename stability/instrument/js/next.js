// The next tokens at the point of the ray, or of the plane, that the hand has reached. Rows stay where
// they are: the ten likeliest at the state, and whoever else leads.

import { html, set, say, each } from "./nodes.js";
import { OTHERS } from "./colours.js";
import { digits } from "./format.js";
import { toggleChosen } from "./chosen.js";
import { atHand } from "./model.js";
import { shortName } from "./labels.js";
import { watch } from "./watch.js";

/**
 * The next tokens.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function next(instrument) {
  const title = html("figcaption", {}, html("span", { class: "figure-title" }));
  const list = html("ul", { class: "next-list" });
  const figure = { class: "figure", "data-testid": "figure-next", "aria-label": "Next tokens" };
  const node = html("figure", figure, title, list);
  const isNew = watch();
  return {
    node,
    draw(model) {
      const { view, line, scene, plane } = model;
      if (!isNew(line, plane, view.t, view.point, view.chosen, scene.next)) return;
      const hand = atHand(model);
      const where = view.point ? "at the point" : view.t ? "at t" : "of the state";
      say(title.firstChild, `Next tokens ${where}`);
      const rows = rowsAt(model, hand);
      const most = Math.max(...rows.map((row) => Math.max(row?.now ?? 0, row?.before ?? 0)));
      each(list, rows, () => makeRow(instrument), (row, token) => drawRow(row, token, most, model));
    },
  };
}

/** The ten likeliest at the state, and a last row for whoever leads and is none of them. */
function rowsAt({ scene, line }, hand) {
  const at = (id) => hand?.probabilities?.[hand.ids.indexOf(id)] ?? null;
  const own = scene.next[0].id;
  const rows = scene.next.map(({ id, text, probability }) => ({
    id, text, own,
    before: probability,
    now: hand ? at(id) : probability,
    isFirst: id === (hand?.id ?? own),
  }));
  const isListed = !hand || hand.id === null || rows.some(({ id }) => id === hand.id);
  const start = line && !isListed ? line.probabilities(0)[line.ids.indexOf(hand.id)] : null;
  const other = { id: hand?.id, text: hand?.text, own, before: start ?? null, now: at(hand?.id), isFirst: true };
  return [...rows, isListed ? null : other];
}

function makeRow(instrument) {
  const now = html("i", { class: "bar" });
  const before = html("i", { class: "before" });
  const name = html("bdi", { class: "name" });
  const value = html("span", { class: "value" });
  const bars = html("span", { class: "bars" }, now, before);
  const main = html("button", { type: "button", class: "next-token" }, name, bars, value);
  const push = html("button", { type: "button", class: "plain push" }, "→");
  const row = html("li", {}, main, push);
  set(main, { onclick: () => toggleChosen(instrument, row.token.id) });
  set(push, { onclick: () => instrument.send({ kind: "towards", from: row.token.own, to: row.token.id }) });
  return row;
}

function drawRow(row, token, most, { view, colour }) {
  row.token = token;
  // a row that is kept free, so that nothing beneath it moves
  set(row, { style: token ? null : "visibility: hidden", class: token?.isFirst ? "first" : null });
  if (!token) return;
  const [main, push] = row.children;
  const [name, bars, value] = main.children;
  const width = (share) => `${((100 * (share ?? 0)) / most).toFixed(2)}%`;
  const tone = colour(token.id);
  set(main, { "aria-pressed": String(view.chosen.includes(token.id)) });
  set(main, { "aria-label": `${token.text}: ${digits(token.now)}, at the state ${digits(token.before)}` });
  say(name, shortName(token.text));
  const fill = tone === OTHERS ? "var(--line)" : tone;
  set(bars.firstChild, { style: `width: ${width(token.now)}; background: ${fill}` });
  const hasMoved = token.before !== null && token.before !== token.now;
  set(bars.lastChild, { style: hasMoved ? `left: ${width(token.before)}` : "display: none" });
  say(value, digits(token.now));
  const words = `Push from the most likely token towards ${token.text}`;
  const hiding = token.id === token.own ? "visibility: hidden" : null;
  set(push, { "aria-label": words, title: words, style: hiding });
}
