// Layers by dose: how strong the same vector may be after every block, as predicted; one is chosen.

import { predictedDose } from "./dose_law.js";
import { STATISTICS } from "./dose_view.js";
import { onKeys } from "./drag.js";
import { digits, natsText } from "./format.js";
import { frame } from "./frame.js";
import { each, html, say, set, svg } from "./nodes.js";
import { linearScale, linearTicks, logScale, logTicks, roundTicks } from "./scales.js";
import { watch } from "./watch.js";

const NAME = "The dose after every block";
const MARGIN = { left: 52, right: 14, top: 10, bottom: 20 };
const RADIUS = 4;
/** Pixels of the least width that can be hit. */
const TARGET = 24;
/** Ends of an axis so many times apart have room for powers of ten alone. */
const MOST_ROUND = 300;
/** How far the axis goes beyond the doses, as a factor. */
const BEYOND = 1.5;

/**
 * The figure of layers.
 * @param {import("./instrument.js").Instrument} sheet
 * @returns {import("./instrument.js").Part}
 */
export function doseLayers(sheet) {
  const figure = frame(sheet, { name: NAME, testid: "figure-layers", height: 200, margin: MARGIN });
  const caption = html("p", { class: "caption" });
  figure.picture.after(caption);
  set(figure.picture, { role: "radiogroup" });
  const dots = svg("g");
  figure.over.append(dots);
  choosableLayers(sheet, dots);
  const isNew = watch();
  return {
    node: figure.node,
    draw(model) {
      const { scene, view } = model;
      const size = figure.size(view.large);
      if (!isNew(scene.layers, scene.layers_note, scene.setting, view.epsilon, view.statistic, size.width, size.scale)) return;
      figure.title(`Predicted dose after every block, at ${natsText(view.epsilon)} (log)`);
      const layers = layerDoses(model);
      const note = scene.layers_note ?? (scene.layers ? null : "The other layers are being computed.");
      figure.note(layers.length ? null : (note ?? "No layer changes this prediction."));
      say(caption, layers.length ? layersText(layers, view) : "");
      if (!layers.length) return;
      drawLayers(figure, dots, layers, size);
      figure.describe(layersText(layers, view));
      figure.table(["layer", "predicted dose"], () => layers.map(({ site, dose }) => [site, digits(dose)]));
    },
  };
}

/**
 * The predicted dose after every block at which the vector has any effect.
 * @param {import("./dose_model.js").DoseModel} model
 * @returns {{site: string, index: number, dose: number, isChosen: boolean}[]}
 */
export function layerDoses({ scene, view }) {
  return (scene.layers ?? [])
    .map(({ site, information }) => ({
      site,
      index: Number(site.split(":")[1]),
      dose: predictedDose(information[view.statistic], view.epsilon),
      isChosen: site === scene.setting.vector.site,
    }))
    .filter(({ dose }) => dose !== null);
}

function layersText(layers, { epsilon, statistic }) {
  const sorted = [...layers].sort((one, other) => one.dose - other.dose);
  const [first, last] = [sorted[0], sorted.at(-1)];
  return `The same vector reaches ${natsText(epsilon)} (${STATISTICS[statistic]}) at the smallest coefficient after ${first.site}, ${digits(first.dose)}, and at the largest after ${last.site}, ${digits(last.dose)}. A coefficient changes the prediction most after ${first.site}, and least after ${last.site}.`;
}

function drawLayers(figure, dots, layers, size) {
  const doses = layers.map(({ dose }) => dose);
  const room = [Math.min(...doses) / BEYOND, Math.max(...doses) * BEYOND];
  const last = Math.max(...layers.map(({ index }) => index), 1);
  const x = linearScale([-0.6, last + 0.6], [size.left, size.right]);
  const y = logScale(room, [size.bottom, size.top]);
  const ticks = linearTicks([0, last], 8).filter(Number.isInteger);
  figure.axes({ x: { scale: x, ticks, name: "block" }, y: { scale: y, ticks: room[1] / room[0] < MOST_ROUND ? roundTicks(room) : logTicks(room, 4) } }, size);
  const isAnyChosen = layers.some(({ isChosen }) => isChosen);
  each(dots, layers, makeLayer, (node, { site, index, dose, isChosen }, i) => {
    const at = { cx: x.at(index), cy: y.at(dose) };
    set(node, {
      class: "eigenvalue",
      "data-testid": `layer-${index}`,
      "data-site": site,
      tabindex: isChosen || (!isAnyChosen && i === 0) ? 0 : -1,
      "aria-checked": String(isChosen),
      "aria-label": `after ${site}: predicted dose ${digits(dose)}`,
    });
    set(node.firstChild, { x1: at.cx, x2: at.cx, y1: at.cy, y2: size.bottom });
    const width = Math.max(TARGET, x.at(1) - x.at(0));
    set(node.children[1], { x: at.cx - width / 2, y: size.top, width, height: size.bottom - size.top });
    set(node.lastChild, { ...at, r: (isChosen ? 1.5 : 1) * RADIUS * size.scale });
  });
}

function makeLayer() {
  return svg("g", { role: "radio" }, svg("line"), svg("rect", { class: "target" }), svg("circle"));
}

/** Let a click and the keys choose a layer. */
function choosableLayers(sheet, dots) {
  const choose = (node, isFocused) => {
    if (!node) return;
    if (isFocused) node.focus();
    sheet.send({ kind: "site", site: node.dataset.site });
  };
  const nodeAt = (event, by) => dots.children[[...dots.children].indexOf(event.target.closest("[data-site]")) + by];
  dots.addEventListener("click", (event) => choose(event.target.closest("[data-site]"), false));
  const step = (by) => (event) => choose(nodeAt(event, by), true);
  onKeys(dots, {
    ArrowLeft: step(-1), ArrowDown: step(-1), ArrowRight: step(1), ArrowUp: step(1), " ": step(0), Enter: step(0),
    Home: () => choose(dots.firstElementChild, true), End: () => choose(dots.lastElementChild, true),
  });
}
