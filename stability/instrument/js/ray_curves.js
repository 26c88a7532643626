// The curves of a ray, and of the rays that are kept, which lie under them.

import { svg, set, each } from "./nodes.js";
import { curve } from "./curve.js";

/** One for each ray that is kept, in turn. */
export const PIN_DASHES = ["7 3", "2 3", "10 3 2 3", "5 2 2 2 2 2", "1 5"];

/**
 * How much longer a length of a kept ray is drawn: in hundredths of the norm each counts its own.
 * @param {import("./model.js").Model} model
 * @param {any} pin  the kept scene
 * @returns {number}
 */
export function pinStretch({ scene, view }, pin) {
  return view.relative ? scene.setting.norm / pin.setting.norm : 1;
}

/**
 * The curves in a plot.
 * @param {SVGElement} plot
 * @returns {(model: import("./model.js").Model, place: import("./ray_place.js").Place) => void}
 */
export function curves(plot) {
  const pinned = svg("g", { class: "pinned" });
  const predicted = svg("path", { class: "predicted" });
  const actual = svg("path", { class: "actual" });
  plot.append(pinned, predicted, actual);
  for (const node of [pinned, predicted, actual]) set(node, { "pointer-events": "none" });
  return (model, { x, y, size }) => {
    const { line, pins } = model;
    set(predicted, { d: curve(line.quadratic, x, y, size) });
    set(actual, { d: curve(line.kl, x, y, size) });
    each(pinned, pins, () => svg("path"), (node, pin, index) => {
      const stretch = pinStretch(model, pin.scene);
      const d = curve((t) => pin.line.kl(t / stretch), x, y, size);
      set(node, { d, "stroke-dasharray": PIN_DASHES[index % PIN_DASHES.length] });
    });
  };
}
