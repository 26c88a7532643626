// The axes of a plane: round numbers and names, at equal scales.

import { each, say, set, svg } from "./nodes.js";
import { fittedTitle } from "./plane_title.js";
import { linearTicks, tickText } from "./scales.js";

/** Steps between round numbers from end to end, at most. */
const PLANE_STEPS = 5;
/** Pixels of the letters of a title. */
const TITLE_LETTERS = 12;

/** The layers of both axes. */
export function planeAxes() {
  const layer = (type, name) => svg(type, { class: name });
  // what is cut of a title is told where the pointer rests on it
  const title = () => svg("text", { class: "plane-title", "text-anchor": "middle" }, svg("tspan"), svg("title"));
  const x = { ticks: layer("g", "plane-axis"), title: title() };
  const y = { ticks: layer("g", "plane-axis"), title: title() };
  return { x, y, nodes: [x.ticks, y.ticks, x.title, y.title] };
}

/**
 * @param {ReturnType<typeof planeAxes>} axes
 * @param {import("./plane_picture.js").Shown} shown
 * @param {import("./plane_picture.js").Square} square
 */
export function drawPlaneAxes({ x, y }, { half, unit, labels }, { left, top, side, place, scale }) {
  const ends = /** @type {[number, number]} */ ([-half / unit.length, half / unit.length]);
  const ticks = linearTicks(ends, PLANE_STEPS);
  const make = () => svg("g", {}, svg("line"), svg("text"));
  each(x.ticks, ticks, make, (node, tick) => {
    const [across] = place(tick * unit.length, 0);
    set(node, { transform: `translate(${across},${top + side})` });
    set(node.firstChild, { y2: 4 });
    say(set(node.lastChild, { y: 20 * scale, "text-anchor": "middle" }), tickText(tick));
  });
  each(y.ticks, ticks, make, (node, tick) => {
    const [, down] = place(0, tick * unit.length);
    set(node, { transform: `translate(${left},${down})` });
    set(node.firstChild, { x2: -4 });
    say(set(node.lastChild, { x: -13 * scale, y: 4 * scale, "text-anchor": "end" }), tickText(tick));
  });
  set(x.title, { transform: `translate(${left + side / 2},${top + side + 38 * scale})` });
  set(y.title, { transform: `translate(${12 * scale},${top + side / 2}) rotate(-90)` });
  [x.title, y.title].forEach(({ firstChild, lastChild }, i) => {
    say(firstChild, fittedTitle(labels[i], unit.name, side, TITLE_LETTERS * scale));
    say(lastChild, `${labels[i]} (${unit.name})`);
  });
}
