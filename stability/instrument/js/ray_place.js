// Where a figure of the ray is drawn: the axis along t, the same for all of them, and one for what they
// show over it.

import { set } from "./nodes.js";
import { linearScale, linearTicks, tickText } from "./scales.js";

/** Pixels beside the plots, which stand one under another. */
export const RAY_MARGIN = { left: 52, right: 14 };
/** Pixels to a tick, and the least ticks. */
const TICK_WIDTH = 90;
const LEAST_TICKS = 5;

/**
 * @typedef {object} Place
 * @property {import("./scales.js").Scale} x  over t, in coordinates
 * @property {import("./scales.js").Scale} y
 * @property {import("./frame.js").Size} size
 * @property {[number, number]} ends  in view, in coordinates
 */

/**
 * Draw the axes of a figure of the ray, and the ground that the hand can take.
 * @param {import("./frame.js").Frame} figure
 * @param {SVGElement} ground
 * @param {import("./format.js").Unit} unit  in which lengths are read
 * @param {[number, number]} ends  in view, in coordinates
 * @param {{top: number, ticks: number[]}} upright
 * @param {import("./frame.js").Size} size
 * @returns {Place}
 */
export function rayPlace(figure, ground, unit, ends, { top, ticks }, size) {
  const [width, height] = [size.right - size.left, size.bottom - size.top];
  const x = { ...rayTicks(unit, ends, width / size.scale), scale: linearScale(ends, [size.left, size.right]) };
  const y = { ticks, scale: linearScale([0, top], [size.bottom, size.top]) };
  set(ground, { x: size.left, y: size.top, width, height });
  figure.axes({ x, y }, size);
  return { x: x.scale, y: y.scale, size, ends };
}

/** Ticks along t, in coordinates, and how they are written in a unit. */
function rayTicks(unit, ends, width) {
  const most = Math.max(LEAST_TICKS, Math.round(width / TICK_WIDTH));
  const numbers = linearTicks(ends.map((end) => end / unit.length), most);
  return {
    ticks: numbers.map((number) => number * unit.length),
    texts: numbers.map((number) => tickText(number) + unit.symbol),
    name: "t",
  };
}
