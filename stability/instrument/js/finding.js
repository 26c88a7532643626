// What a ray shows, in words: how far the prediction stays the same, how right the closed form is, where
// another token takes over, and what of it is certain.

import { digits, errorText, length, natsText } from "./format.js";
import { FOR_EVER, holdsAFlip, takeover, whetherItWins } from "./takeover.js";

/** @typedef {import("./sentence.js").Piece} Piece */

const WAYS = ["one way (−)", "the other (+)"];
const FORMULA = { term: "closed form", text: "formula" };
const CLOSED_FORM = { term: "closed form", text: "closed form" };
const CURVATURE = { term: "curvature", text: "curvature" };

/**
 * The finding, in two sentences.
 * @param {import("./model.js").Model} model
 * @returns {Piece[]}
 */
export function finding(model) {
  const { scene } = model;
  const direction = directionPieces(scene.setting.direction);
  return [
    "Pushed along ",
    ...direction,
    ", the prediction after ",
    { token: pushedAfter(scene) },
    " ",
    ...outcome(model),
  ];
}

/** What happens to the prediction. */
function outcome(model) {
  const { line, scene, predicted, unit, view } = model;
  if (!line) {
    const none = ["does not change to the second order: there is no ", CURVATURE, " this way, and the "];
    return [...none, CLOSED_FORM, " has no radius."];
  }
  const within = ["(within ", { term: "nat", text: natsText(shortEpsilon(view.epsilon)) }, ") "];
  const radius = length(predicted, unit);
  if (scene.line.kind === "closed form") {
    const far = ["stays the same ", ...within, `for ${radius} either way, says the `];
    return [...far, FORMULA, "; the truth is still being computed."];
  }
  const far = [staysOrChanges(model), ...within, bothReach(model), "; the "];
  const right = ` says ${radius} for both: ${formulaErrors(model)}. `;
  return [...far, FORMULA, right, ...takeover(model), ...whetherItWins(model)];
}

/** ε as short as it is. */
function shortEpsilon(epsilon) {
  return String(Number(epsilon.toPrecision(3)));
}

/** The token whose next token is predicted. */
function pushedAfter({ tokens, setting }) {
  return tokens.find(({ index }) => index === setting.position)?.text ?? tokens.at(-1).text;
}

/** A direction by the name that says most. */
function directionPieces({ kind, rank, label, spec }) {
  if (kind === "eig" && rank === 0)
    return ["its ", { term: "eigendirection", text: "most sensitive direction" }];
  if (kind === "eig") return [{ term: "eigendirection", text: `eigendirection ${rank + 1}` }];
  const seed = spec?.split(":")[1];
  if (kind === "random")
    return ["a ", { term: "random direction", text: "random direction" }, ` (seed ${seed})`];
  if (kind === "covariance")
    return [
      "a ",
      { term: "covariance-matched", text: "covariance-matched" },
      ` random direction (seed ${seed})`,
    ];
  if (kind === "tokens")
    return ["the ", { term: "token difference", text: "token difference" }, " ", { token: label }];
  if (kind === "cheapest") return ["the ", { term: "cheapest push", text: label }];
  if (kind === "prompt") return [{ token: label }];
  if (kind === "file") return ["a given vector, ", { token: label }];
  return [{ term: "direction", text: label }];
}

function staysOrChanges({ sides }) {
  if (sides.every(({ boundary }) => boundary.kind === "unresolved"))
    return "changes at a distance that is not known ";
  // another most likely token may be a small change
  return sides.some(holdsAFlip) ? "stays the same as a whole " : "stays the same ";
}

/** How far it stays the same, either way. */
function bothReach(model) {
  const [minus, plus] = model.sides.map((side) => sideReach(model, side));
  if (minus === plus) return `${minus}, either way`;
  return `${minus} ${WAYS[0]} and ${plus} ${WAYS[1]}`;
}

function sideReach(model, { boundary, sign }) {
  const { unit, scene, line } = model;
  const { distance, kind } = boundary;
  if (kind === "unresolved") return "(lost in the network's rounding)";
  if (distance === null) {
    return scene.line.kind === "exact"
      ? FOR_EVER
      : `as far as was searched, ${length(line.reach[sign > 0 ? 1 : 0], unit)},`;
  }
  const far = distance > scene.setting.norm ? ", longer than the vector itself," : "";
  return `for ${length(distance, unit)}${kind === "jump" ? ", where it changes at a jump," : ""}${far}`;
}

/** How far the closed form is from the truth, once where both sides are alike. */
function formulaErrors({ sides, predicted }) {
  const [minus, plus] = sides.map(({ boundary }) => {
    if (boundary.distance !== null) return errorText(predicted, boundary);
    return boundary.kind === "unresolved" ? "not to be compared" : "too short";
  });
  return minus === plus ? minus : `${minus} and ${plus}`;
}

/**
 * What is certain of the boundaries and flips.
 * @param {import("./model.js").Model} model
 * @returns {string}
 */
export function certainty({ scene, sides }) {
  const { softcap, site } = scene.setting;
  if (!sides || scene.line.kind === "closed form") return "";
  if (scene.line.kind === "exact") return provedText(sides);
  if (softcap !== null && site === "prelogit") {
    return `This model soft-caps its logits at ${digits(softcap)}: flips are exact, boundaries are first crossings, and nothing is certified.`;
  }
  return "Boundaries are first crossings, found by running the network above the site; nothing is certified here.";
}

/** Where the truth is exact, what is proved of it without searching for it. */
function provedText(sides) {
  const proved = sides.filter(({ bracket }) => bracket);
  if (proved.length === 2) return "Each boundary lies in its grey band: that is proved, not only found.";
  if (proved.length === 0) return "The truth is exact here, but no band around a boundary is proved.";
  return `The boundary on the ${proved[0].sign > 0 ? "+" : "−"} side lies in its grey band: that is proved, not only found.`;
}
