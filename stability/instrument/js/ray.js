// The ray: the true divergence against the closed form, where each puts the boundary, what is certified,
// and where the most likely token changes. The ε line can be dragged.

import { svg, set } from "./nodes.js";
import { digits } from "./format.js";
import { frame } from "./frame.js";
import { linearTicks } from "./scales.js";
import { rayAxes } from "./axes.js";
import { bands } from "./ray_bands.js";
import { curves } from "./ray_curves.js";
import { level } from "./ray_level.js";
import { rayAlt, rayRows, RAY_HEADINGS } from "./ray_words.js";
import { legend } from "./legend.js";
import { rayLegend } from "./ray_legend.js";
import { RAY_MARGIN, rayPlace } from "./ray_place.js";
import { cursor, scrubOn } from "./scrubber.js";
import { watch } from "./watch.js";
import { zoomable, zoomButtons } from "./zoom.js";

const NAME = "Divergence along the ray";
const HEIGHT = 208;
const NO_CURVATURE = "Nothing changes along this direction (vᵀHv = 0): there is no boundary to be drawn.";

/**
 * The figure of the ray.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function ray(instrument) {
  const margin = { ...RAY_MARGIN, top: 6, bottom: 20 };
  const figure = frame(instrument, { name: NAME, testid: "figure-ray", height: HEIGHT, margin });
  const ground = svg("rect", { class: "ground" });
  let place = null;
  const drawLayers = layers(instrument, figure, ground, () => place);
  const drawCursor = cursor(figure.over, true);
  zoomable(instrument, figure, () => place?.x ?? null);
  scrubOn(instrument, ground, figure, () => place?.x ?? null);
  const isNew = watch();
  return {
    node: figure.node,
    draw(model) {
      const axes = rayAxes(instrument, model);
      figure.note(axes ? null : NO_CURVATURE);
      if (!axes) return;
      const { line, scene, unit, view } = model;
      const size = figure.size(view.large);
      const shown = [...axes.ends, axes.top, size.width, size.scale];
      if (isNew(line, scene.pins, view.epsilon, view.relative, ...shown)) {
        const upright = { top: axes.top, ticks: linearTicks([0, axes.top], 5) };
        place = rayPlace(figure, ground, unit, axes.ends, upright, size);
        drawLayers(model, place);
        drawWords(figure, model, axes.ends);
      }
      drawCursor(view.t, place, line.kl(view.t));
    },
  };
}

/** All that does not move with t, from the ground up. */
function layers(instrument, figure, ground, place) {
  const drawBands = bands(figure);
  figure.plot.append(ground);
  const drawn = [
    drawBands,
    curves(figure.plot),
    level(instrument, figure, place),
    zoomButtons(instrument, figure.tools),
  ];
  return (model, where) => drawn.forEach((draw) => draw(model, where));
}

function drawWords(figure, model, ends) {
  legend(figure.key, rayLegend(model, ends));
  figure.title(`KL divergence (nats) over t (${model.unit.name})`);
  figure.describe(rayAlt(model));
  set(figure.picture, { "aria-label": `${NAME}, at ε = ${digits(model.view.epsilon)} nats` });
  figure.table(RAY_HEADINGS, () => rayRows(model, ends));
}
