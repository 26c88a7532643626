// Rays that were kept, beside the present one: their numbers with differences, and the next tokens at the
// same t.

import { OTHERS } from "./colours.js";
import { boundaryText, digits, length, percent, unitOf } from "./format.js";
import { each, html, say, set } from "./nodes.js";
import { sides as sidesOf } from "./model.js";

const PIN_TOKENS = 5;
const PIN_SIDES = ["−", "+"];

/**
 * The part that keeps rays and compares them.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function compare(instrument) {
  const pin = html("button", { type: "button", "data-testid": "pin", onclick: () => instrument.send({ kind: "pin" }) }, "Pin this ray");
  const reset = html("button", { type: "button", "data-testid": "reset", onclick: () => instrument.send({ kind: "reset" }) }, "Start again");
  const hint = html("span", { class: "quiet" }, "Keep it, and see the next one against it.");
  const [names, head, body] = [html("div", { class: "pins" }), html("tr"), html("tbody")];
  const table = html("table", { class: "rows" }, html("thead", {}, head), body);
  const bars = html("div", { class: "pin-bars" });
  const kept = html("div", { class: "kept" }, names, html("div", { class: "scrolls" }, table), bars);
  const node = html("section", { class: "compare", "aria-label": "Keep and compare" }, html("div", { class: "compare-tools" }, pin, reset, hint), kept);
  return {
    node,
    draw(model) {
      set(pin, { disabled: !model.line });
      set(hint, { hidden: model.pins.length > 0 });
      set(kept, { hidden: !model.pins.length });
      if (!model.pins.length) return;
      const columns = comparedColumns(model);
      each(names, model.pins, (_, index) => makePin(instrument, index), (child, shown) => say(child.firstChild, pinName(shown.scene.setting, model.scene.setting)));
      drawCompareHead(head, columns);
      drawCompareRows(body, columns);
      each(bars, columns, makePinBars, (child, column) => drawPinBars(child, column, model));
    },
  };
}

function makePin(instrument, index) {
  const onclick = () => instrument.send({ kind: "unpin", index });
  const label = `Unpin ray ${index + 1}`;
  return html("span", { class: "pin" }, html("bdi"), html("button", { type: "button", "aria-label": label, "data-testid": `unpin-${index}`, onclick }, "×"));
}

/**
 * A pinned ray by what sets it apart from the present one.
 * @param {any} setting
 * @param {any} present
 * @returns {string}
 */
export function pinName(setting, present) {
  const parts = [setting.direction.label];
  if (setting.prompt !== present.prompt) parts.push(`“${shortPrompt(setting.prompt)}”`);
  if (setting.position !== present.position) parts.push(`position ${setting.position}`);
  if (setting.site !== present.site) parts.push(setting.site);
  if (setting.model.name !== present.model.name) parts.push(setting.model.title);
  return parts.join(", ");
}

function shortPrompt(prompt) {
  const characters = [...prompt];
  return characters.length > 40 ? `${characters.slice(0, 39).join("")}…` : prompt;
}

/**
 * @typedef {object} Column  a ray in the table
 * @property {string} name
 * @property {{name: string, value: number | null, text: string, isOf: string}[]} rows   values in the unit shown
 * @property {{id: number, text: string, probability: number}[]} next   at t
 */

/**
 * The present ray, and each that is pinned.
 * @param {import("./model.js").Model} model
 * @returns {Column[]}
 */
export function comparedColumns({ scene, line, view, pins }) {
  const column = (name, of, its) => {
    const unit = unitOf(of.setting.norm, view.relative);
    return { name, rows: comparedRows(of, its, view, unit), next: its ? pinLikeliest(its, view.t) : [] };
  };
  return [column("now", scene, line), ...pins.map((pin, i) => column(`pin ${i + 1}`, pin.scene, pin.line))];
}

function comparedRows({ numbers }, line, { epsilon, t }, unit) {
  const inUnits = (value) => (value === null || value === undefined ? null : value / unit.length);
  const of = (name, value, text) => ({ name, value, text });
  if (!line) return [];
  const both = sidesOf(line, epsilon);
  const predicted = line.predictedRadius(epsilon);
  const kl = line.kl(t);
  const place = line.winner(t);
  return [
    of("predicted r", inUnits(predicted), length(predicted, unit)),
    ...both.map(({ boundary }, i) => of(`actual ${PIN_SIDES[i]}`, inUnits(boundary.distance), boundaryText(boundary, unit))),
    ...both.map(({ bracket }, i) => of(`certified ${PIN_SIDES[i]}`, null, bracket ? `${bracket.map((end) => digits(end / unit.length)).join(" – ")}${unit.symbol}` : "–")),
    ...both.map(({ flips: [flip] }, i) => of(`first flip ${PIN_SIDES[i]}`, inUnits(flip?.[0]), flip ? `${line.texts[flip[1]]} at ${length(flip[0], unit)}` : "none")),
    of("entropy (nats)", numbers.entropy, digits(numbers.entropy)),
    of("KL at t (nats)", kl, digits(kl)),
    of("most likely at t", null, line.texts[place] ?? "–"),
  ];
}

/** The pinLikeliest named tokens at t. */
function pinLikeliest(line, t) {
  const probabilities = line.probabilities(t) ?? [];
  const named = probabilities.map((probability, i) => ({ id: line.ids[i], text: line.texts[i], probability }));
  return named.sort((a, b) => b.probability - a.probability).slice(0, PIN_TOKENS);
}

function drawCompareHead(head, [now, ...pins]) {
  const titles = ["", now.name, ...pins.flatMap(({ name }) => [name, "now − it"])];
  each(head, titles, () => html("th", { scope: "col" }), (cell, title) => say(cell, title));
}

function drawCompareRows(body, [now, ...pins]) {
  const cell = (_, index) => (index ? html("td", { class: "amount" }) : html("th", { scope: "row" }));
  each(body, now.rows, () => html("tr"), (node, row, i) => {
    const beside = pins.flatMap(({ rows }) => [rows[i]?.text ?? "–", pinDifference(row.value, rows[i]?.value)]);
    each(node, [row.name, row.text, ...beside], cell, (child, text) => say(child, text));
  });
}

/**
 * How much more the present ray has than a pinned one, with its sign.
 * @param {number | null} now
 * @param {number | null | undefined} kept
 * @returns {string}
 */
export function pinDifference(now, kept) {
  if (now === null || kept === null || kept === undefined) return "";
  return now > kept ? `+${digits(now - kept)}` : digits(now - kept);
}

function makePinBars() {
  return html("div", { class: "pin-tokens" }, html("h4"), html("div"));
}

function drawPinBars(node, { name, next }, { view, unit, colour }) {
  say(node.firstChild, `${name}, at t = ${length(view.t, unit)}`);
  const make = () => html("div", { class: "pin-token" }, html("bdi"), html("i", {}, html("b")), html("span"));
  each(node.lastChild, next, make, (row, { id, text, probability }) => {
    const [label, bar, value] = row.children;
    say(label, text);
    const own = colour(id);
    // a token without a colour of its own has that of the words
    Object.assign(bar.firstChild.style, { width: `${(100 * probability).toFixed(2)}%`, background: own === OTHERS ? "" : own });
    say(value, percent(probability));
  });
}
