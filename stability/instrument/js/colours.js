// One colour a token, the same in bars, bands and cells.

/** Of Okabe and Ito's palette, those that mean nothing else here. */
const CATEGORIES = ["#56B4E9", "#009E73", "#F0E442", "#D55E00", "#7F7F7F", "#B8A1CF"];

/** Of the probability of all tokens without a colour of their own. */
export const OTHERS = "rgba(128, 128, 128, 0.25)";

/** Most likely tokens, which keep their colours in every direction. */
const LIKELIEST = 4;
/** Tokens that take over, the nearest first, that have a colour beside them. */
const NEAREST_FLIPS = 2;

/**
 * The colours of a scene's tokens: the most likely ones, and those that take over, have one.
 * @param {import("./line.js").Line | null} line
 * @returns {(id: number) => string}
 */
export function tokenColours(line) {
  if (!line) return () => OTHERS;
  const flips = line.flips.flat().sort(([one], [other]) => one - other);
  const nearest = flips.slice(0, NEAREST_FLIPS).map(([, place]) => line.ids[place]);
  const ranked = [...new Set([...line.ids.slice(0, LIKELIEST), ...nearest, ...line.ids])];
  const colours = new Map(ranked.slice(0, CATEGORIES.length).map((id, i) => [id, CATEGORIES[i]]));
  return (id) => colours.get(id) ?? OTHERS;
}
