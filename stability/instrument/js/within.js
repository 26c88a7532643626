// A view held to what is known of a scene: a link may ask for a point, or for ends of the axes, that lie
// beyond. The link then says what is shown.

import { digits } from "./format.js";

/** Of an end: a link has six digits, by which a value at the end may lie beyond it. */
const WRITTEN = 1e-5;

/**
 * @param {any} scene
 * @param {import("./view.js").View} view
 * @returns {{changes: Partial<import("./view.js").View>, notes: string[]}} a sentence for each change
 */
export function within({ line, plane }, view) {
  const changes = {};
  const notes = [];
  const change = (name, value, note) => {
    if (JSON.stringify(value) === JSON.stringify(view[name])) return;
    changes[name] = value;
    if (note) notes.push(note);
  };
  if (line && line.kind !== "closed form") {
    const ends = [-line.reach[0], line.reach[1]];
    const demand = `must be from ${digits(ends[0])} to ${digits(ends[1])} on this ray; received`;
    const t = clampedTo(ends, view.t);
    const said = `t ${demand} ${digits(view.t)}: ${digits(t)} is shown.`;
    change("t", t, isBeyond(ends, view.t) && said);
    if (view.zoom) {
      const zoom = view.zoom.map((end) => clampedTo(ends, end));
      const received = view.zoom.map(digits).join(" to ");
      const isFar = view.zoom.some((end) => isBeyond(ends, end));
      change("zoom", zoom[0] < zoom[1] ? zoom : null, isFar && `The ends of the axis ${demand} ${received}: what there is is shown.`);
    }
  }
  if (plane && view.half > plane.cells_extent) {
    const { cells_extent: extent } = plane;
    const isFar = view.half > extent * (1 + WRITTEN);
    change("half", extent, isFar && `The plane is known to ${digits(extent)} from the state; received ${digits(view.half)}: all of it is shown.`);
  }
  return { changes, notes };
}

function clampedTo([low, high], value) {
  return Math.min(Math.max(value, low), high);
}

function isBeyond([low, high], value) {
  return value < low * (1 + WRITTEN) || value > high * (1 + WRITTEN);
}
