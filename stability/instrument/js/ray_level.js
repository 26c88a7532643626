// The ε line of a ray: where the closed form and the truth cross it, and the handle that drags it.

import { svg, set, say, each } from "./nodes.js";
import { digits, length } from "./format.js";
import { keepView, onDrag } from "./drag.js";
import { nameWidth } from "./labels.js";
import { holdAxes } from "./axes.js";
import { meantEpsilon, onEpsilonKeys } from "./steps.js";
import { EPSILONS } from "./view.js";
import { pinStretch } from "./ray_curves.js";

/** Pixels of the marks, and of the line that a hand can take. */
const MARK = 6;
const GRASP = 14;
const BESIDE = 6;
const LETTERS = 12;

/**
 * The level of a figure.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {import("./frame.js").Frame} figure
 * @param {() => import("./ray_place.js").Place | null} place  as drawn
 * @returns {(model: import("./model.js").Model, place: import("./ray_place.js").Place) => void}
 */
export function level(instrument, { plot, over, picture }, place) {
  const line = svg("line", { class: "level" });
  const pinned = svg("g", { class: "pinned-marks" });
  const predicted = svg("g", { class: "predicted-marks" });
  const actual = svg("g", { class: "actual-marks" });
  const grasp = svg("rect", { class: "grasp" });
  const word = svg("text", { class: "level-word" });
  const handle = epsilonHandle(instrument);
  plot.append(line, pinned, predicted, actual, grasp);
  over.append(word, handle);
  for (const node of [grasp, handle]) {
    onDrag(node, picture, {
      keep: () => keepView(instrument, ["epsilon"]),
      start() {
        handle.focus({ preventScroll: true });
        holdAxes(instrument, true);
      },
      move(_, y) {
        const asked = Math.max(place().y.value(y), EPSILONS[0]);
        instrument.change({ epsilon: meantEpsilon(instrument.model()?.scene.line, asked) });
      },
      end: () => holdAxes(instrument, false),
    });
  }
  return (model, { x, y, size }) => {
    const { epsilon } = model.view;
    const at = y.at(epsilon);
    set(line, { x1: size.left, x2: size.right, y1: at, y2: at });
    set(grasp, { x: size.left, width: size.right - size.left, y: at - GRASP / 2, height: GRASP });
    drawMarks({ predicted, actual, pinned }, model, x, at, size.scale);
    // on axes that are fixed the level may leave the picture; its handle stays in reach
    const inside = Math.min(Math.max(at, size.top + 10), size.bottom - 4);
    set(handle, { transform: `translate(${size.right} ${inside}) scale(${size.scale})` });
    set(handle, { "aria-valuenow": epsilon, "aria-valuetext": `${digits(epsilon)} nats` });
    const { room, ...beside } = wordPlace(model, x, size);
    set(word, { ...beside, y: inside - 6 * size.scale });
    const text = `ε = ${digits(epsilon)} nats`;
    say(word, nameWidth(text, LETTERS * size.scale) < room ? text : "ε");
  };
}

function epsilonHandle(instrument) {
  const knob = svg("rect", { class: "knob", x: -7, y: -9, width: 14, height: 18, rx: 4 });
  const grip = svg("path", { class: "grip", d: "M-3 -2.5 0 -5.5 3 -2.5M-3 2.5 0 5.5 3 2.5" });
  const reach = svg("rect", { class: "reach", x: -22, y: -22, width: 44, height: 44 });
  const role = { role: "slider", tabindex: 0, "aria-orientation": "vertical" };
  const range = { "aria-valuemin": EPSILONS[0], "aria-valuemax": EPSILONS[1] };
  const attributes = { class: "handle", "aria-label": "ε, at its line", ...role, ...range };
  const handle = svg("g", attributes, reach, knob, grip);
  onEpsilonKeys(instrument, handle);
  return handle;
}

/** Where ε is named: beside the state, where the curves are below the level, on the longer side. */
function wordPlace({ sides, predicted }, x, { left, right }) {
  const [minus, plus] = sides.map(({ boundary }) => Math.min(boundary.distance ?? predicted, predicted));
  const middle = Math.min(Math.max(x.at(0), left), right);
  const [before, after] = [middle - x.at(-minus), x.at(plus) - middle];
  const room = Math.max(before, after) - 2 * BESIDE;
  return after >= before
    ? { x: middle + BESIDE, "text-anchor": null, room }
    : { x: middle - BESIDE, "text-anchor": "end", room };
}

/** The closed form's ±r as diamonds, the boundaries as circles, those of kept rays as small ones. */
function drawMarks({ predicted, actual, pinned }, model, x, at, scale) {
  const { sides, unit } = model;
  const s = MARK * scale;
  each(predicted, [-1, 1], makeMark, (node, sign) => {
    const centre = x.at(sign * model.predicted);
    set(node.firstChild, { d: `M${centre} ${at - s}l${s} ${s} ${-s} ${s} ${-s} ${-s}Z` });
    say(node.lastChild, `predicted: ${length(model.predicted, unit)}`);
  });
  const reached = sides.filter(({ boundary }) => boundary.distance !== null);
  each(actual, reached, makeMark, (node, { sign, boundary: { distance, kind } }) => {
    set(node.firstChild, { d: circle(x.at(sign * distance), at, 0.85 * s), class: kind === "jump" ? "jump" : null });
    say(node.lastChild, `actual: ${length(distance, unit)}${kind === "jump" ? ", a jump" : ""}`);
  });
  const marks = model.pins.flatMap(({ scene, line }) =>
    [-1, 1].flatMap((sign) => {
      const { distance } = line.boundary(sign, model.view.epsilon);
      return distance === null ? [] : [sign * distance * pinStretch(model, scene)];
    }),
  );
  each(pinned, marks, makeMark, (node, t) => set(node.firstChild, { d: circle(x.at(t), at, 0.6 * s) }));
}

function makeMark() {
  return svg("g", {}, svg("path"), svg("title"));
}

function circle(x, y, r) {
  return `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
}
