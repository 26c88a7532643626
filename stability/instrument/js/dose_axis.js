// The coefficient: a slider under the picture of how far the prediction changes with it, with the doses
// marked on both sides.

import { curve, path } from "./curve.js";
import { KL_ENDS, predictedDose, predictedKl, signedScale } from "./dose_law.js";
import { coefficientIn, statisticsAtHand, trueSides, within } from "./dose_model.js";
import { DOSE_EPSILONS, STATISTICS } from "./dose_view.js";
import { atHandText, doseVerdictText, signedText } from "./dose_words.js";
import { keepView, onDrag, onKeys, onSliderKeys } from "./drag.js";
import { digits, natsText } from "./format.js";
import { frame } from "./frame.js";
import { legend } from "./legend.js";
import { each, html, say, set, svg } from "./nodes.js";
import { linearTicks, logScale, roundTicks, tickText } from "./scales.js";
import { watch } from "./watch.js";

const NAME = "How far the prediction changes with the coefficient";
const MARGIN = { left: 52, right: 14, top: 10, bottom: 20 };
/** Steps of the keys to a predicted dose, and of a page key. */
const STEPS = 20;
const LARGE_STEP = 10;
/** Pixels that a tick's number takes. */
const TICK_ROOM = 46;
/** Pixels from zero within which no coefficient is meant. */
const AT_ZERO = 5;
const HEADINGS = ["coefficient", "predicted KL (nats)", "true KL (nats)", "what is there"];
const DIAMOND = "M0 -5.5 5.5 0 0 5.5 -5.5 0Z";
const DOT = "M0 -4.5a4.5 4.5 0 1 0 .01 0Z";

/**
 * The figure with its slider.
 * @param {import("./instrument.js").Instrument} sheet
 * @returns {import("./instrument.js").Part}
 */
export function doseAxis(sheet) {
  const figure = frame(sheet, { name: NAME, testid: "figure-dose", height: 210, margin: MARGIN });
  const drawn = layers(figure);
  const slider = makeSlider(sheet, () => drawn.x);
  const to = (x) => sheet.change({ c: snapped(drawn.x, x, sheet.model().scene.extent) });
  onDrag(drawn.ground, figure.picture, { move: to, keep: () => keepView(sheet, ["c"]) });
  const node = html("div", { class: "dose-axis" }, figure.node, slider.node);
  const isNew = watch();
  return {
    node,
    draw(model) {
      const { scene, view, c, kls } = model;
      const size = figure.size(view.large);
      if (isNew(scene, view.epsilon, view.statistic, view.linear, size.width, size.scale)) {
        drawFigure(figure, drawn, model, size);
      }
      drawCursor(drawn, c, size);
      slider.draw(model, drawn.x, size, kls);
    },
  };
}

/** The nodes of the plot, from the back to the front. */
function layers(figure) {
  const levels = svg("g", { class: "levels" });
  const predicted = svg("path", { class: "predicted" });
  const actual = svg("path", { class: "actual" });
  const stems = svg("g", { class: "dose-stems" });
  const marks = svg("g", { class: "dose-marks" });
  const cursor = svg("line", { class: "dose-cursor" });
  const ground = svg("rect", { class: "ground" });
  figure.plot.append(levels, stems, predicted, actual);
  figure.over.append(marks, cursor, ground);
  for (const node of [levels, predicted, actual, stems, marks, cursor]) set(node, { "pointer-events": "none" });
  return { levels, predicted, actual, stems, marks, cursor, ground, x: null };
}

function drawFigure(figure, drawn, model, size) {
  const { scene, information, unit, view } = model;
  const x = signedScale(scene.extent, unit, [size.left, size.right]);
  const y = logScale(KL_ENDS, [size.bottom, size.top]);
  drawn.x = x;
  const ticks = coefficientTicks(model, x, size);
  figure.axes({ x: { scale: x, ticks, texts: ticks.map(tickText) }, y: { scale: y, ticks: DOSE_EPSILONS } }, size);
  set(drawn.ground, { x: size.left, y: size.top, width: size.right - size.left, height: size.bottom - size.top });
  const floor = KL_ENDS[0] / 10;
  set(drawn.predicted, { d: curve((c) => Math.max(predictedKl(information, c), floor), x, y, size) });
  set(drawn.actual, { d: truePath(scene.truth, view.statistic, x, y, floor) });
  const marks = doseMarks(model);
  each(drawn.levels, [view.epsilon], () => svg("line", { class: "level" }), (line, epsilon) =>
    set(line, { x1: size.left, x2: size.right, y1: y.at(epsilon), y2: y.at(epsilon) }));
  each(drawn.stems, marks, () => svg("line"), (line, { c, epsilon, isTrue }) => {
    set(line, { class: isTrue ? "true" : "formula", x1: x.at(c), x2: x.at(c), y1: y.at(epsilon), y2: size.bottom });
  });
  each(drawn.marks, marks, () => svg("path"), (mark, { c, epsilon, isTrue }) => {
    const isHere = Math.abs(c) <= scene.extent;
    set(mark, { class: isTrue ? "actual-mark" : "predicted-mark", d: isTrue ? DOT : DIAMOND, visibility: isHere ? null : "hidden" });
    set(mark, { transform: `translate(${x.at(c).toFixed(1)} ${y.at(epsilon).toFixed(1)})` });
  });
  figure.title(`KL by coefficient c (nats, log) · ${STATISTICS[view.statistic]}`);
  figure.describe(doseVerdictText(model));
  figure.table(HEADINGS, () => tableRows(model));
  legend(figure.key, [
    { text: "predicted ½ I c²", mark: "line predicted", dash: "7 4" },
    { text: "true", mark: "line actual" },
    { text: "predicted dose", mark: "diamond predicted-mark" },
    { text: "true dose", mark: "circle actual-mark" },
  ]);
}

function truePath(truth, statistic, x, y, floor) {
  if (!truth) return "";
  const values = truth.curves[statistic];
  return path(truth.curves.c.map((c, i) => [x.at(c), values[i] === null ? null : y.at(Math.max(values[i], floor))]));
}

/**
 * The doses at every ε on both sides: predicted, and true where they are known.
 * @param {import("./dose_model.js").DoseModel} model
 * @returns {{c: number, epsilon: number, isTrue: boolean}[]}
 */
export function doseMarks({ scene, information, view }) {
  return scene.epsilons.flatMap((epsilon) => {
    const predicted = predictedDose(information, epsilon);
    const both = trueSides(scene, epsilon, view.statistic);
    return [-1, 1].flatMap((sign, i) => [
      ...(predicted === null ? [] : [{ c: sign * predicted, epsilon, isTrue: false }]),
      ...(both[i].distance === null ? [] : [{ c: sign * both[i].distance, epsilon, isTrue: true }]),
    ]);
  });
}

/** Round coefficients: evenly spaced, or on both sides of a logarithmic scale where they have room. */
function coefficientTicks({ scene, unit }, x, size) {
  const { extent } = scene;
  if (!unit) return linearTicks([-extent, extent], Math.max(5, Math.round((size.right - size.left) / 90)));
  const least = TICK_ROOM * size.scale;
  const sides = [];
  // from the outer end, where there is room for all
  for (const tick of roundTicks([unit / 10, extent]).reverse()) {
    const pixel = x.at(tick);
    if (Math.min(pixel - x.at(0), ...sides.map((other) => x.at(other) - pixel)) > least) sides.push(tick);
  }
  return [...sides.map((tick) => -tick), 0, ...sides.reverse()];
}

function tableRows(model) {
  const { scene, information, view } = model;
  const sampled = scene.truth ? scene.truth.curves.c.map((c, i) => [c, scene.truth.curves[view.statistic][i], ""]) : [];
  const marks = doseMarks(model).map(({ c, epsilon, isTrue }) =>
    [c, isTrue ? epsilon : null, `${isTrue ? "true" : "predicted"} dose at ${natsText(epsilon)}`]);
  return [...sampled, ...marks]
    .sort(([one], [other]) => one - other)
    .map(([c, actual, note]) => [signedText(c), digits(predictedKl(information, c)), digits(actual), note]);
}

function drawCursor({ cursor, x }, c, size) {
  const at = x.at(c).toFixed(2);
  set(cursor, { x1: at, x2: at, y1: size.top, y2: size.bottom });
}

/** The coefficient at a pixel, within what is drawn, and none where it is next to zero. */
function snapped(x, pixel, extent) {
  return Math.abs(pixel - x.at(0)) < AT_ZERO ? 0 : within(x.value(pixel), extent);
}

/** The slider under the figure, whose rail is the figure's axis. */
function makeSlider(sheet, scale) {
  const role = { role: "slider", tabindex: 0, "aria-label": "Coefficient of the vector" };
  const thumb = html("div", { class: "thumb", "data-testid": "coefficient", ...role });
  const track = html("div", { class: "track" }, html("i", { class: "rail" }), html("i", { class: "zero" }), thumb);
  const said = html("p", { class: "said", "data-testid": "at-coefficient" });
  const node = html("div", { class: "scrubber", role: "group", "aria-label": "The coefficient" }, track, said);
  const extent = () => sheet.model().scene.extent;
  onDrag(track, track, {
    keep: () => keepView(sheet, ["c"]),
    start: () => thumb.focus({ preventScroll: true }),
    // the rail begins where the plot does
    move: (x) => sheet.change({ c: snapped(scale(), x + scale().at(-extent()), extent()) }),
  });
  const step = (steps, event) => {
    const { predicted, scene } = sheet.model();
    const size = (predicted ?? scene.extent) / STEPS;
    const c = coefficientIn(scene, sheet.view()) + steps * size * (event.shiftKey ? LARGE_STEP : 1);
    sheet.change({ c: Math.abs(c) < 1e-3 * size ? 0 : within(c, extent()) });
  };
  onSliderKeys(thumb, step, {
    low: () => sheet.change({ c: -extent() }),
    high: () => sheet.change({ c: extent() }),
    page: LARGE_STEP,
  });
  onKeys(thumb, { 0: () => sheet.change({ c: 0 }) });
  return {
    node,
    draw(model, x, size) {
      const { scene, c, view } = model;
      const width = size.right - size.left;
      const share = (value) => `${((100 * (x.at(value) - size.left)) / width).toFixed(3)}%`;
      set(track, { style: `--t: ${share(c)}; --zero: 50%` });
      const text = atHandText(c, statisticsAtHand(model), view.statistic);
      set(thumb, { "aria-valuemin": -scene.extent, "aria-valuemax": scene.extent, "aria-valuenow": c, "aria-valuetext": text });
      say(said, text);
    },
  };
}
