// Where another token takes over along a ray, in words; and along a push to a token, whether that one does.

import { digits, length } from "./format.js";

/** @typedef {import("./sentence.js").Piece} Piece */

export const FOR_EVER = "however far it is pushed";
/** Takeovers of a side that are looked for, at least: beyond the last of so many there may be more. */
const FEWEST = 8;
export const NATS = { term: "nat", text: "nats" };

/** Whether another token takes over before the boundary of a side. */
export function holdsAFlip({ boundary: { distance, kind }, flips }) {
  if (kind === "unresolved" || !flips.length) return false;
  return distance === null || flips[0][0] < distance;
}

/** Where another token becomes the most likely one. */
export function takeover(model) {
  const { scene, sides, unit, line } = model;
  const first = { token: scene.next[0].text };
  const flips = firstFlips(sides);
  if (!flips.length) {
    const far =
      scene.line.kind === "exact" ? FOR_EVER.replace("it", "the vector") : "as far as was searched";
    return [first, ` stays the most likely token ${far}.`];
  }
  const { side, distance, place } = nearestOf(flips);
  const where = `${length(distance, unit)} on the ${side.sign > 0 ? "+" : "−"} side`;
  return [
    first,
    ` stays the most likely token ${holdsAFlip(side) ? "only " : ""}until `,
    where,
    ", where ",
    { token: line.texts[place] },
    ` takes over${insideOrOutside(side)}`,
    ".",
  ];
}

function firstFlips(sides) {
  return sides.flatMap((side) => side.flips.slice(0, 1).map(([distance, place]) => ({ side, distance, place })));
}

function nearestOf(flips) {
  return flips.reduce((a, b) => (b.distance < a.distance ? b : a));
}

function insideOrOutside(side) {
  if (side.boundary.kind === "unresolved") return "";
  return holdsAFlip(side) ? ", inside the stable region" : ", outside the stable region";
}

/** Along a push to a token, whether that wins, by the truth. */
export function whetherItWins({ scene, line, unit, sides }) {
  const { kind, spec, label } = scene.setting.direction;
  if (kind !== "cheapest") return [];
  const place = line.ids.indexOf(Number(spec.split(":")[1]));
  const { flips } = sides[1];
  const i = flips.findIndex(([, winner]) => winner === place);
  const token = { token: line.texts[place] ?? label.replace(/^.*? to /s, "") };
  if (i < 0) {
    const known = flips.length < FEWEST ? line.reach[1] : flips.at(-1)[0];
    return [" ", token, ` does not win within ${length(known, unit)} on the + side.`];
  }
  const [from, until] = flips.slice(i, i + 2).map(([distance]) => length(distance, unit));
  const next = until && { token: line.texts[flips[i + 1][1]] };
  // the cheapest push may end where another token is as likely
  const end = until === from ? [", level with ", next] : [until ? ` until ${until}` : ""];
  const cost = [", for ", digits(line.kl(flips[i][0])), " ", NATS, "."];
  // the takeover that has been told is the nearest
  const { side, place: told } = nearestOf(firstFlips(sides));
  if (i === 0 && side.sign > 0 && told === place) return [" It wins", ...end, ...cost];
  return [" ", token, ` wins from ${from} on the + side`, ...end, ...cost];
}
