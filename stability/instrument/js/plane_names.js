// The names of the cells of a plane: each with the colour of its token, none over another.

import { nameWidth } from "./labels.js";
import { each, say, set, svg } from "./nodes.js";

/** Pixels above a cell's middle, where the state itself may lie. */
const NAME_ABOVE = 18;
/** Pixels of a name: of its letters, around its text, and of its height. */
const NAME_LETTERS = 13;
const NAME_PADDING = 22;
const NAME_HEIGHT = 19;
/** Pixels that a name keeps from the edge, and from the state, where the point may lie. */
const NAME_INSET = 4;
const NAME_CLEAR = 10;

/**
 * Name the cells that have room for it.
 * @param {SVGElement} layer
 * @param {import("./plane_picture.js").Shown} shown
 * @param {import("./plane_picture.js").Square} square
 */
export function drawPlaneNames(layer, { cells, colour }, square) {
  const { scale } = square;
  const names = unobscured(cells.filter(({ hasRoom }) => hasRoom).map((cell) => namePlace(cell, square)));
  each(layer, names, makePlaneName, (node, { id, text, width, left, top }) => {
    const [box, swatch, label] = node.children;
    set(node, { transform: `translate(${left.toFixed(1)},${top.toFixed(1)}) scale(${scale})` });
    set(box, { width: width / scale });
    set(swatch, { fill: colour(id) });
    say(label, text);
  });
}

/** The box of a name above the middle of its cell, within the square. */
function namePlace({ id, text, middle }, { left, top, side, place, scale }) {
  const width = (nameWidth(text, NAME_LETTERS) + NAME_PADDING) * scale;
  const height = NAME_HEIGHT * scale;
  const [x, y] = place(...middle);
  const rightmost = left + side - width - NAME_INSET;
  const from = Math.max(left + NAME_INSET, Math.min(x - width / 2, rightmost));
  const above = aboveState(y - NAME_ABOVE * scale - height / 2, height, from, width, place(0, 0));
  return { id, text, width, height, left: from, top: Math.max(top + NAME_INSET, above) };
}

/** The upper edge of a name, moved up where the state would lie beneath it. */
function aboveState(upper, height, from, width, [x, y]) {
  const isOver = from - NAME_CLEAR < x && x < from + width + NAME_CLEAR;
  const isAt = upper - NAME_CLEAR < y && y < upper + height + NAME_CLEAR;
  return isOver && isAt ? y - NAME_CLEAR - height : upper;
}

/** The names that lie over none before them: the larger cells come first. */
function unobscured(names) {
  const kept = [];
  for (const name of names) {
    const isFree = kept.every(
      (other) =>
        name.left + name.width < other.left ||
        other.left + other.width < name.left ||
        Math.abs(name.top - other.top) > name.height,
    );
    if (isFree) kept.push(name);
  }
  return kept;
}

function makePlaneName() {
  const box = svg("rect", { height: NAME_HEIGHT, rx: 4 });
  const swatch = svg("rect", { x: 6, y: 5.5, width: 8, height: 8, rx: 2 });
  return svg("g", { class: "plane-name" }, box, swatch, svg("text", { x: 18, y: 14 }));
}
