// What the lines and marks of a ray are: an entry for each that is drawn.

import { PIN_DASHES } from "./ray_curves.js";

/** Letters of a prompt that name a kept ray. */
const LONGEST_PROMPT = 28;

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
    isCertified && { mark: "area certified-mark", text: "certified: boundary in here" },
    hasFlips && { mark: "triangle flip-mark", text: "most likely token changes" },
    ...pins.map((pin, i) => ({
      mark: "line pinned-line",
      text: `kept: ${pinName(pin.scene.setting, scene.setting)}`,
      dash: PIN_DASHES[i % PIN_DASHES.length],
    })),
  ].filter(Boolean);
}

/**
 * A kept ray by what sets it apart from the present one.
 * @param {any} setting  of the kept ray
 * @param {any} present
 * @returns {string}
 */
export function pinName(setting, present) {
  const written = setting.prompt ?? "";
  const letters = [...written];
  const prompt = letters.length > LONGEST_PROMPT ? `…${letters.slice(1 - LONGEST_PROMPT).join("")}` : written;
  const differs = (field) => JSON.stringify(setting[field]) !== JSON.stringify(present[field]);
  const parts = [
    setting.model.name !== present.model.name && setting.model.title,
    (differs("prompt") || differs("messages")) && `“${prompt}”`,
    differs("position") && `position ${setting.position}`,
    differs("site") && setting.site,
    setting.direction.label,
  ];
  return parts.filter(Boolean).join(", ");
}
