// What the lines and marks of a ray are: an entry for each that is drawn.

import { pinName } from "./compared.js";
import { PIN_DASHES } from "./ray_curves.js";

/**
 * The legend of a ray.
 * @param {import("./model.js").Model} model
 * @param {[number, number]} ends  in view, in coordinates
 * @returns {import("./legend.js").Entry[]}
 */
export function rayLegend({ scene, sides, pins }, ends) {
  const { kind, t } = scene.line;
  const isKnown = kind !== "closed form";
  const isReached = sides.some(({ boundary }) => boundary.distance !== null);
  const isCertified = sides.some(({ bracket }) => bracket && Number.isFinite(bracket[0]));
  const hasFlips = sides.some(({ sign, flips }) =>
    flips.some(([distance]) => sign * distance > ends[0] && sign * distance < ends[1]));
  const truth = kind === "sampled" ? `actual KL, sampled at ${t.length} points` : "actual KL";
  return [
    isKnown ? { mark: "line actual", text: truth } : { mark: "line pending", text: "actual KL: being computed" },
    { mark: "line predicted", text: "closed form ½t²vᵀHv" },
    { mark: "diamond predicted-mark", text: "predicted ±r" },
    isReached && { mark: "circle actual-mark", text: "actual boundary" },
    isCertified && { mark: "area certified-mark", text: "certified band" },
    hasFlips && { mark: "triangle flip-mark", text: "most likely token changes" },
    ...pins.map((pin, i) => ({
      mark: "line pinned-line",
      text: `pin ${i + 1}: ${pinName(pin.scene.setting, scene.setting)}`,
      dash: PIN_DASHES[i % PIN_DASHES.length],
    })),
  ].filter(Boolean);
}
