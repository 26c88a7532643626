// Names of tokens in a figure: cut where they are long, and placed so that no two overlap.

const LONGEST = 24;
/** Pixels between two names on one row. */
const APART = 8;
/** Widths that are kept, as they are slow to measure. */
const MOST_WIDTHS = 2000;
const widths = new Map();
let context = null;

/**
 * A token's text, "…" for what is beyond a length.
 * @param {string} text
 * @param {number} [longest]
 * @returns {string}
 */
export function shortName(text, longest = LONGEST) {
  const letters = [...text];
  if (letters.length <= longest) return text;
  // what is set apart, as it runs from right to left, stays so
  const end = letters[0] === "\u2068" ? "\u2069" : "";
  return `${letters.slice(0, longest - 1).join("")}…${end}`;
}

/**
 * The width of a text, in pixels.
 * @param {string} text
 * @param {number} size  of its letters, in pixels
 * @returns {number}
 */
export function nameWidth(text, size) {
  const key = `${size} ${text}`;
  if (widths.has(key)) return widths.get(key);
  if (widths.size >= MOST_WIDTHS) widths.clear();
  context ??= document.createElement("canvas").getContext("2d");
  context.font = `${size}px "Source Sans", "Source Sans Pro", system-ui, sans-serif`;
  const { width } = context.measureText(text);
  widths.set(key, width);
  return width;
}

/**
 * @typedef {object} Name
 * @property {string} text
 * @property {number} width
 * @property {number[]} starts   where it may begin, in pixels, the best first
 *
 * Rows of names, none over another: each in the first row that has room for it, or in none.
 * @param {Name[]} names  the most important first
 * @param {[number, number]} ends  of the rows
 * @param {number} most  rows
 * @returns {{text: string, x: number, row: number}[]}
 */
export function placeNames(names, [left, right], most) {
  const rows = Array.from({ length: most }, () => []);
  const placed = [];
  for (const { text, width, starts } of names) {
    const fits = (x, taken) =>
      x >= left && x + width <= right && taken.every(([from, to]) => x + width < from || x > to);
    const row = rows.findIndex((taken) => starts.some((x) => fits(x, taken)));
    if (row < 0) continue;
    const x = starts.find((start) => fits(start, rows[row]));
    rows[row].push([x - APART, x + width + APART]);
    placed.push({ text, x, row });
  }
  return placed;
}
