// What a direction means: the tokens whose probabilities it changes most, at the predicted radius on
// either side.

import { svg, set, say, each } from "./nodes.js";
import { OTHERS } from "./colours.js";
import { digits, length } from "./format.js";
import { frame } from "./frame.js";
import { shortName } from "./labels.js";
import { linearScale, linearTicks, tickText } from "./scales.js";
import { watch } from "./watch.js";

const NAME = "What the direction means";
const ROWS = 8;
/** Of the greatest; shorter bars could not be seen. */
const LEAST_CHANGE = 0.01;
/** Pixels that the number of a tick takes. */
const TICK_WIDTH = 40;
const PENDING = "What it does to the probabilities is being computed.";

/**
 * The figure of the changes.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function pushes(instrument) {
  const margin = { left: 108, right: 14, top: 22, bottom: 20 };
  const figure = frame(instrument, { name: NAME, testid: "figure-pushes", height: 240, margin });
  const rows = svg("g", { class: "changes" });
  const heads = svg("g", { class: "heads" });
  figure.over.append(rows, heads);
  figure.title("Change of probability at −r and at +r");
  const isNew = watch();
  return {
    node: figure.node,
    draw(model) {
      const { line, predicted, view } = model;
      const isKnown = Boolean(line?.ids.length);
      figure.node.toggleAttribute("hidden", !line);
      figure.note(isKnown ? null : PENDING);
      if (!isKnown) return;
      const size = figure.size(view.large);
      if (!isNew(line, predicted, view.relative, size.width, size.scale)) return;
      const changes = changesAt(line, predicted);
      drawChanges({ figure, rows, heads }, changes, model, size);
      figure.describe(changesAlt(changes));
      const cells = ({ text, minus, plus }) => [text, digits(minus), digits(plus)];
      figure.table(["token", "change at −r", "change at +r"], () => changes.map(cells));
    },
  };
}

/**
 * The tokens whose probabilities change most at `±r`.
 * @param {import("./line.js").Line} line
 * @param {number} radius
 * @returns {{id: number, text: string, minus: number, plus: number}[]} the most gained at `+r` first
 */
export function changesAt(line, radius) {
  const [minus, start, plus] = [-radius, 0, radius].map((t) => line.probabilities(t));
  return line.ids
    .map((id, i) => ({ id, text: line.texts[i], minus: minus[i] - start[i], plus: plus[i] - start[i] }))
    .sort((one, other) => sizeOf(other) - sizeOf(one))
    .slice(0, ROWS)
    .filter((change, _, [greatest]) => sizeOf(change) >= LEAST_CHANGE * sizeOf(greatest))
    .sort((one, other) => other.plus - other.minus - (one.plus - one.minus));
}

function sizeOf({ minus, plus }) {
  return Math.max(Math.abs(minus), Math.abs(plus));
}

function drawChanges({ figure, rows, heads }, changes, { colour, predicted, unit }, size) {
  const middle = (size.left + size.right) / 2;
  const gap = 20 * size.scale;
  const most = Math.max(...changes.map(sizeOf)) || 1;
  const span = [-1.05 * most, 1.05 * most];
  const sides = [
    { field: "minus", sign: "−", scale: linearScale(span, [size.left, middle - gap]) },
    { field: "plus", sign: "+", scale: linearScale(span, [middle + gap, size.right]) },
  ];
  const outer = linearTicks([0, most], 3).at(-1);
  const apart = sides[0].scale.at(outer) - sides[0].scale.at(0);
  const few = apart > TICK_WIDTH * size.scale ? [-outer, 0, outer] : [-outer, outer];
  // both sides on one axis, which therefore counts pixels
  const pixels = sides.flatMap(({ scale }) => few.map((tick) => [scale.at(tick), tickText(tick)]));
  const identity = { at: (pixel) => pixel, value: (pixel) => pixel };
  const [ticks, texts] = [0, 1].map((part) => pixels.map((pixel) => pixel[part]));
  figure.axes({ x: { scale: identity, ticks, texts } }, size);
  const height = (size.bottom - size.top) / ROWS;
  each(rows, changes, makeChange, (node, change, index) => {
    const y = size.top + height * (index + 0.5);
    const [name, ...bars] = node.children;
    const { text, minus, plus } = change;
    say(node.lastChild, `${text}: ${digits(minus)} at −r, ${digits(plus)} at +r`);
    say(set(name, { x: size.left - 8, y }), shortName(change.text, 14));
    const tone = colour(change.id);
    sides.forEach(({ field, scale }, side) => {
      const [start, stop] = [scale.at(0), scale.at(change[field])];
      const thick = height * 0.62;
      const box = { x: Math.min(start, stop), y: y - thick / 2, width: Math.abs(stop - start), height: thick };
      set(bars[side], { ...box, style: `fill: ${tone === OTHERS ? "var(--quiet)" : tone}` });
    });
  });
  each(heads, sides, () => svg("text", { "text-anchor": "middle" }), (node, { sign, scale }) => {
    say(set(node, { x: scale.at(0), y: size.top - 8 * size.scale }), `at ${sign}${length(predicted, unit)}`);
  });
}

function makeChange() {
  const name = svg("text", { "text-anchor": "end", "dominant-baseline": "central" });
  return svg("g", {}, name, svg("rect"), svg("rect"), svg("title"));
}

function changesAlt(changes) {
  const ends = [changes[0], changes.at(-1)];
  const said = (side) => ends.map((change) => `${change.text} by ${digits(change[side])}`).join(" and ");
  return `At +r the probability of ${said("plus")}; at −r that of ${said("minus")}.`;
}
