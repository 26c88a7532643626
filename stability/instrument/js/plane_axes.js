// The axes of a plane: round numbers and names, at equal scales.

import { each, say, set, svg } from "./nodes.js";
import { linearTicks, tickText } from "./scales.js";

/** Steps between round numbers from end to end, at most. */
const PLANE_STEPS = 5;

/** The layers of both axes. */
export function planeAxes() {
  const layer = (type, name) => svg(type, { class: name });
  const x = { ticks: layer("g", "plane-axis"), title: layer("text", "plane-title") };
  const y = { ticks: layer("g", "plane-axis"), title: layer("text", "plane-title") };
  return { x, y, nodes: [x.ticks, y.ticks, x.title, y.title] };
}

/**
 * @param {ReturnType<typeof planeAxes>} axes
 * @param {import("./plane_picture.js").Shown} shown
 * @param {import("./plane_picture.js").Square} square
 */
export function drawPlaneAxes({ x, y }, { half, unit, labels }, { left, top, side, place }) {
  const ends = /** @type {[number, number]} */ ([-half / unit.length, half / unit.length]);
  const ticks = linearTicks(ends, PLANE_STEPS);
  const make = () => svg("g", {}, svg("line"), svg("text"));
  each(x.ticks, ticks, make, (node, tick) => {
    const [across] = place(tick * unit.length, 0);
    set(node, { transform: `translate(${across},${top + side})` });
    set(node.firstChild, { y2: 4 });
    say(set(node.lastChild, { y: 20, "text-anchor": "middle" }), tickText(tick));
  });
  each(y.ticks, ticks, make, (node, tick) => {
    const [, down] = place(0, tick * unit.length);
    set(node, { transform: `translate(${left},${down})` });
    set(node.firstChild, { x2: -4 });
    say(set(node.lastChild, { x: -13, y: 4, "text-anchor": "end" }), tickText(tick));
  });
  const [xTitle, yTitle] = labels.map((label) => `${label} (${unit.name})`);
  const middle = { "text-anchor": "middle" };
  say(set(x.title, { x: left + side / 2, y: top + side + 38, ...middle }), xTitle);
  say(set(y.title, { transform: `translate(12,${top + side / 2}) rotate(-90)`, ...middle }), yTitle);
}
