// The plane in words: what is said beside the point, and in place of the picture.

import { digits, epsilonWords, length } from "./format.js";
import { atHand } from "./model.js";

/** The prediction at the point, while it is dragged off the ray. */
export function planeTag(model) {
  if (!model.view.point) return "";
  const { kl, text } = atHand(model);
  return `${kl === null ? "KL not computed" : `KL ${digits(kl)} nats`}${text === null ? "" : `, ${text}`}`;
}

/** The picture in a sentence. */
export function planeAlt(model, { epsilon, labels, unit, ends }) {
  const hand = atHand(model);
  const reach = ends.map((end) => length(end, unit)).join(" and ");
  const along = reach ? ` Along the ray the boundary lies at ${reach}.` : "";
  return `The plane of ${labels.join(" and ")}, in ${unit.name}: KL as bands, its true boundary at ${digits(epsilon)} nats (${epsilonWords(epsilon)}) and the closed form's ellipse around the state.${along} At the point: KL ${digits(hand?.kl)} nats, most likely ${hand?.text ?? "unknown"}.`;
}
