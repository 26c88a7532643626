// What stands in the columns of a comparison: the present ray, and those that were kept.

import { boundaryText, bracketText, digits, length, unitOf } from "./format.js";
import { sides as sidesOf } from "./model.js";
import { pinStretch } from "./ray_curves.js";

const PIN_TOKENS = 5;
const PIN_SIDES = ["−", "+"];

/**
 * A pinned ray by what sets it apart from the present one.
 * @param {any} setting
 * @param {any} present
 * @returns {string}
 */
export function pinName(setting, present) {
  const parts = [setting.direction.label];
  if (setting.prompt !== present.prompt) parts.push(`“${shortPrompt(setting.prompt)}”`);
  if (setting.position !== present.position) parts.push(`position ${setting.position}`);
  if (setting.site !== present.site) parts.push(setting.site);
  if (setting.model.name !== present.model.name) parts.push(setting.model.title);
  return parts.join(", ");
}

function shortPrompt(prompt) {
  const characters = [...prompt];
  return characters.length > 40 ? `${characters.slice(0, 39).join("")}…` : prompt;
}

/**
 * @typedef {object} Column  a ray in the table
 * @property {string} name
 * @property {{name: string, value: number | [number, number] | null, text: string}[]} rows   values in the unit shown
 * @property {{id: number, text: string, probability: number}[]} next   at t
 */

/**
 * The present ray, and each that is pinned.
 * @param {import("./model.js").Model} model
 * @returns {Column[]}
 */
export function comparedColumns(model) {
  const { scene, line, view, pins } = model;
  const column = (name, of, its) => {
    const unit = unitOf(of.setting.norm, view.relative);
    // at the t that is read, which in hundredths of another norm is another length
    const at = { epsilon: view.epsilon, t: view.t / pinStretch(model, of) };
    return { name, rows: comparedRows(of, its, at, unit), next: its ? pinLikeliest(its, at.t) : [] };
  };
  return [column("now", scene, line), ...pins.map((pin, i) => column(`pin ${i + 1}`, pin.scene, pin.line))];
}

function comparedRows({ numbers }, line, { epsilon, t }, unit) {
  const inUnits = (value) => (value === null || value === undefined ? null : value / unit.length);
  const of = (name, value, text) => ({ name, value, text });
  if (!line) return [];
  const both = sidesOf(line, epsilon);
  const predicted = line.predictedRadius(epsilon);
  const kl = line.kl(t);
  const place = line.winner(t);
  return [
    of("predicted r", inUnits(predicted), length(predicted, unit)),
    ...both.map(({ boundary }, i) =>
      of(`actual ${PIN_SIDES[i]}`, inUnits(boundary.distance), boundaryText(boundary, unit)),
    ),
    ...both.map(({ bracket }, i) =>
      of(`certified ${PIN_SIDES[i]}`, bracket && bracket.map(inUnits), bracketText(bracket, unit)),
    ),
    ...both.map(({ flips: [flip] }, i) =>
      of(
        `first flip ${PIN_SIDES[i]}`,
        inUnits(flip?.[0]),
        flip ? `${line.texts[flip[1]]} at ${length(flip[0], unit)}` : "none",
      ),
    ),
    of("entropy (nats)", numbers.entropy, digits(numbers.entropy)),
    of("KL at t (nats)", kl, digits(kl)),
    of("most likely at t", null, line.texts[place] ?? "–"),
  ];
}

/** The pinLikeliest named tokens at t. */
function pinLikeliest(line, t) {
  const probabilities = line.probabilities(t) ?? [];
  const named = probabilities.map((probability, i) => ({
    id: line.ids[i],
    text: line.texts[i],
    probability,
  }));
  return named.sort((a, b) => b.probability - a.probability).slice(0, PIN_TOKENS);
}

/**
 * How much more the present ray has than a pinned one, with its sign: of an interval, at either end.
 * @param {number | [number, number] | null} now
 * @param {number | [number, number] | null | undefined} kept
 * @returns {string}
 */
export function pinDifference(now, kept) {
  if (now === null || kept === null || kept === undefined) return "";
  if (Array.isArray(now)) return now.map((end, i) => pinDifference(end, kept[i])).join(" and ");
  return now > kept ? `+${digits(now - kept)}` : digits(now - kept);
}
