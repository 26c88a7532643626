// The ray: the true divergence against the closed form, where each puts the boundary, what is certified,
// and where the most likely token changes. The ε line can be dragged.

import { svg, set } from "./nodes.js";
import { digits } from "./format.js";
import { frame } from "./frame.js";
import { linearScale, linearTicks, tickText } from "./scales.js";
import { rayAxes } from "./axes.js";
import { bands } from "./ray_bands.js";
import { curves } from "./ray_curves.js";
import { level } from "./ray_level.js";
import { rayAlt, rayRows, RAY_HEADINGS } from "./ray_words.js";
import { legend } from "./legend.js";
import { rayLegend } from "./ray_legend.js";
import { cursor, scrubOn } from "./scrubber.js";
import { watch } from "./watch.js";
import { zoomable, zoomButtons } from "./zoom.js";

/** Pixels beside the plots of a ray, the same for all on its axis. */
export const RAY_MARGIN = { left: 52, right: 14 };
const NO_CURVATURE = "Nothing changes along this direction (vᵀHv = 0): there is no boundary to be drawn.";

/**
 * What a part needs to know about where a ray is drawn.
 * @typedef {object} Place
 * @property {import("./scales.js").Scale} x  over t, in coordinates
 * @property {import("./scales.js").Scale} y
 * @property {import("./frame.js").Size} size
 * @property {[number, number]} ends  in view, in coordinates
 */

/**
 * The scale of the ray's axis and its ticks, in the unit in which lengths are read.
 * @param {import("./model.js").Model} model
 * @param {[number, number]} ends  in coordinates
 * @param {import("./frame.js").Size} size
 * @returns {import("./frame.js").Axis}
 */
export function rayAxis({ unit }, ends, size) {
  const read = ends.map((end) => end / unit.length);
  const numbers = linearTicks(read, Math.max(5, Math.round((size.right - size.left) / 90 / size.scale)));
  return {
    scale: linearScale(ends, [size.left, size.right]),
    ticks: numbers.map((number) => number * unit.length),
    texts: numbers.map((number) => tickText(number) + unit.symbol),
    name: "t",
  };
}

/**
 * The figure of the ray.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function ray(instrument) {
  const margin = { ...RAY_MARGIN, top: 6, bottom: 20 };
  const name = "Divergence along the ray";
  const figure = frame(instrument, { name, testid: "figure-ray", height: 236, margin });
  const background = svg("rect", { class: "ground" });
  const drawBands = bands(figure);
  figure.plot.append(background);
  const drawCurves = curves(figure.plot);
  let place = null;
  const drawLevel = level(instrument, figure, () => place);
  const drawCursor = cursor(figure.over, true);
  const drawButtons = zoomButtons(instrument, figure.tools);
  zoomable(instrument, figure, () => place?.x ?? null);
  scrubOn(instrument, background, figure, () => place?.x ?? null);
    const isNew = watch();

  function drawStill(model, axes, size) {
    const { epsilon } = model.view;
    const yTicks = linearTicks([0, axes.top], 5);
    const y = { scale: linearScale([0, axes.top], [size.bottom, size.top]), ticks: yTicks };
    const x = rayAxis(model, axes.ends, size);
    place = { x: x.scale, y: y.scale, size, ends: axes.ends };
    set(background, { x: size.left, y: size.top, width: size.right - size.left, height: size.bottom - size.top });
    figure.axes({ x, y }, size);
    drawBands(model, place);
    drawCurves(model, place);
    drawLevel(model, place);
    drawButtons(model.view);
    legend(figure.key, rayLegend(model, axes.ends));
    figure.title(`KL divergence (nats) over t (${model.unit.name})`);
    figure.describe(rayAlt(model));
    set(figure.picture, { "aria-label": `${name}, at ε = ${digits(epsilon)} nats` });
    figure.table(RAY_HEADINGS, () => rayRows(model, axes.ends));
  }

  return {
    node: figure.node,
    draw(model) {
      const axes = rayAxes(instrument, model);
      figure.note(axes ? null : NO_CURVATURE);
      if (!axes) return;
      const { epsilon, relative, large } = model.view;
      const size = figure.size(large);
      const shown = [...axes.ends, axes.top, size.width, size.scale];
      if (isNew(model.line, model.scene.pins, epsilon, relative, ...shown)) drawStill(model, axes, size);
      const nats = model.line.kl(model.view.t);
      drawCursor(model.view.t, place, nats);
    },
  };
}
