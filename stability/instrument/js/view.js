// What a person has set in the browser: all that the picture follows without asking the server. It is
// the browser's part of a link.

/** nats: the budgets that can be asked for. */
export const EPSILONS = [1e-4, 3];

/**
 * @typedef {object} View
 * @property {number} epsilon      nats that count as a change
 * @property {number} t            the point on the ray whose prediction is shown, in coordinates
 * @property {[number, number] | null} point   the point in the plane while it is dragged off the ray
 * @property {boolean} relative    lengths in hundredths of the vector's norm
 * @property {[number, number] | null} zoom    ends of the ray's axis, in coordinates; null: all of it
 * @property {number | null} half  half the width of the plane in view; null: around the region
 * @property {boolean} fixed       axes stay where they are when ε changes
 * @property {number[]} chosen     ids of the tokens whose joint probability is shown
 * @property {boolean} large       large type, for a projector
 * @property {"region" | "cloud"} picture
 */

/** @type {View} */
export const INITIAL = Object.freeze({
  epsilon: 0.01,
  t: 0,
  point: null,
  relative: false,
  zoom: null,
  half: null,
  fixed: false,
  chosen: [],
  large: false,
  picture: "region",
});

/** How each part is written in a link, and read: undefined where it is not understood. */
const FIELDS = {
  epsilon: [written, (text) => clamped(number(text), EPSILONS)],
  t: [written, number],
  relative: [() => "1", (text) => text === "1"],
  zoom: [
    (ends) => ends.map(written).join(","),
    (text) => {
      const ends = numbers(text);
      return ends?.length === 2 && ends[0] < ends[1] ? ends : undefined;
    },
  ],
  half: [written, (text) => positive(number(text))],
  fixed: [() => "1", (text) => text === "1"],
  chosen: [(ids) => ids.join(","), (text) => numbers(text)?.filter(isId)],
  large: [() => "1", (text) => text === "1"],
  picture: [(name) => name, (text) => (text === "cloud" ? text : undefined)],
};

/**
 * The parts of a view that differ from the initial one, as they stand in a link.
 * @param {View} view
 * @returns {Record<string, string | null>} null for a part that need not be named
 */
export function encode(view) {
  return Object.fromEntries(
    Object.entries(FIELDS).map(([name, [write]]) => {
      const isInitial = JSON.stringify(view[name]) === JSON.stringify(INITIAL[name]);
      return [name, isInitial ? null : write(view[name])];
    }),
  );
}

/**
 * The view that a link describes, and a sentence for each part that had to be changed.
 * @param {URLSearchParams} link
 * @returns {{view: View, notes: string[]}}
 */
export function decode(link) {
  const view = { ...INITIAL };
  const notes = [];
  for (const [name, [write, read]] of Object.entries(FIELDS)) {
    const text = link.get(name);
    if (text === null) continue;
    const value = read(text);
    if (value === undefined) {
      notes.push(`The link's ${name} must be a value of its kind; received ${short(text)}: left out.`);
    } else {
      view[name] = value;
      if (name === "epsilon" && value !== number(text)) {
        notes.push(`The link's ε must be from 0.0001 to 3 nats; received ${short(text)}: ${write(value)} is shown.`);
      }
    }
  }
  return { view, notes };
}

function short(text) {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 39)}…` : text);
}

/** Six digits tell apart what can be set by hand. */
function written(value) {
  return String(Number(value.toPrecision(6)));
}

function number(text) {
  const value = text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function numbers(text) {
  const values = text.split(",").map(number);
  return values.includes(undefined) ? undefined : values;
}

function positive(value) {
  return value > 0 ? value : undefined;
}

function isId(value) {
  return Number.isInteger(value) && value >= 0;
}

function clamped(value, [low, high]) {
  return value === undefined ? undefined : Math.min(Math.max(value, low), high);
}
