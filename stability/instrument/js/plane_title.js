// The title of a plane's axis, as much of it as fits: a direction that was turned has a long name.

import { nameWidth, shortName } from "./labels.js";

/** Fewer letters than this say nothing. */
const FEWEST_LETTERS = 6;

/**
 * The direction of an axis and its unit: in fewer words where they are too wide, then cut.
 * @param {string} label
 * @param {string} unit
 * @param {number} room   pixels
 * @param {number} size   of the letters, pixels
 * @returns {string}
 */
export function fittedTitle(label, unit, room, size) {
  const fits = (text) => nameWidth(text, size) <= room;
  const titled = (name) => `${name} (${unit})`;
  const brief = briefly(label);
  let title = [label, brief].map(titled).find(fits);
  for (let letters = [...brief].length - 1; !title && letters >= FEWEST_LETTERS; letters -= 1) {
    title = [titled(shortName(brief, letters))].find(fits);
  }
  return title ?? titled(shortName(brief, FEWEST_LETTERS));
}

/** "eig. 1 + 30° to eig. 2" for "eigendirection 1, turned by 30° towards eigendirection 2". */
function briefly(label) {
  return label
    .replace(/, turned by ([^°]*)° towards eigendirection (\d+)/g, " + $1° to eig. $2")
    .replace(/^eigendirection (?=\d+)/, "eig. ");
}
