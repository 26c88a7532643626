// The zoom of the ray's axis: wheel with Ctrl, pinch, keys and buttons. It is a part of the view, and
// stays while ε moves.

import { html, say, set } from "./nodes.js";
import { onKeys } from "./drag.js";
import { rayAxes } from "./axes.js";

/** Of one key or button. */
const STEP = 1.5;
/** A side is too short to be read where the other is so many times as long. */
const UNEVEN = 8;
/** The narrowest view, of the whole. */
const NARROWEST_VIEW = 1e-4;

/**
 * Zoom the ray's axis about a place of it.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {number} factor  of the width in view; below one it narrows
 * @param {number} [centre]  in coordinates
 */
export function zoomBy(instrument, factor, centre) {
  const model = instrument.model();
  const axes = model && rayAxes(instrument, model);
  if (!axes) return;
  const [low, high] = instrument.view().zoom ?? axes.whole;
  const { t } = instrument.view();
  const about = centre ?? (t >= low && t <= high ? t : (low + high) / 2);
  const least = (NARROWEST_VIEW * (axes.whole[1] - axes.whole[0])) / (high - low);
  const [start, stop] = [low, high].map((end) => about + (end - about) * Math.max(factor, least));
  show(instrument, model, [start, stop]);
}

/** Show a part of the ray, as far as it is known. */
function show(instrument, { line }, [start, stop]) {
  const [minus, plus] = line.reach;
  const low = Math.max(start, -minus);
  const high = Math.min(stop, plus);
  if (low < high) instrument.change({ zoom: [low, high] });
}

/**
 * Move what is in view along the ray.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {number} by  in coordinates
 */
function pan(instrument, by) {
  const { line } = instrument.model();
  const [low, high] = instrument.view().zoom;
  const [minus, plus] = line.reach;
  const shift = Math.min(Math.max(by, -minus - low), plus - high);
  show(instrument, instrument.model(), [low + shift, high + shift]);
}

/**
 * Let the wheel, the keys + and −, and a double click zoom a figure of the ray.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {import("./frame.js").Frame} figure
 * @param {() => import("./scales.js").Scale | null} scale  of the axis as drawn
 */
export function zoomable(instrument, figure, scale) {
  const { picture, node } = figure;
  picture.addEventListener("wheel", (event) => {
    const isAcross = Math.abs(event.deltaX) > Math.abs(event.deltaY) && instrument.view().zoom;
    if (!scale() || !(event.ctrlKey || isAcross)) return;
    event.preventDefault();
    const x = event.clientX - picture.getBoundingClientRect().left;
    if (event.ctrlKey) zoomBy(instrument, Math.exp(event.deltaY / 100), scale().value(x));
    else pan(instrument, scale().value(event.deltaX) - scale().value(0));
  }, { passive: false });
  picture.addEventListener("dblclick", () => instrument.change({ zoom: null }));
  onKeys(node, zoomKeys(instrument));
}

/**
 * The keys that zoom.
 * @param {import("./instrument.js").Instrument} instrument
 */
export function zoomKeys(instrument) {
  const nearer = () => zoomBy(instrument, 1 / STEP);
  return { "+": nearer, "=": nearer, "-": () => zoomBy(instrument, STEP) };
}

/**
 * Buttons that zoom, before the other tools of a figure.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {HTMLElement} tools
 * @returns {(model: import("./model.js").Model) => void}
 */
export function zoomButtons(instrument, tools) {
  const button = (text, name, onclick) =>
    html("button", { type: "button", class: "plain", "aria-label": name, onclick }, text);
  const reset = button("whole ray", "Show the whole ray", () => instrument.change({ zoom: null }));
  const nearer = button("+", "Zoom into the ray", () => zoomBy(instrument, 1 / STEP));
  const farther = button("−", "Zoom out of the ray", () => zoomBy(instrument, STEP));
  const short = button("", null, () => instrument.change({ zoom: shortSide(instrument, instrument.model()).zoom }));
  tools.prepend(short, reset, farther, nearer);
  return (model) => {
    const { zoom, name } = shortSide(instrument, model);
    set(reset, { hidden: !model.view.zoom });
    set(short, { hidden: !zoom || Boolean(model.view.zoom) });
    say(short, `look at the ${name} side`);
  };
}

/** The view of a side that the other leaves too little room; without one, `zoom` is null. */
function shortSide(instrument, model) {
  const [low, high] = rayAxes(instrument, model).whole;
  const [shorter, longer] = [-low, high].sort((one, other) => one - other);
  return { zoom: longer > UNEVEN * shorter ? [-shorter, shorter] : null, name: -low < high ? "−" : "+" };
}
