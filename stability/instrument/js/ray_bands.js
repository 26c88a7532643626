// What lies behind the curves: which token leads where, and where each boundary is certain to be.

import { svg, set, say, each } from "./nodes.js";
import { nameWidth, placeNames, shortName } from "./labels.js";

/** Pixels of the names' letters, and between their rows. */
const LETTERS = 13;
const ROW = 17;
const ROWS = 3;
/** Pixels between a flip's line and the name of the token that takes over there. */
const BESIDE = 6;

/**
 * @typedef {object} Stretch  of a ray, on which one token leads
 * @property {number} start
 * @property {number} stop
 * @property {number} place  of its token among the named ones
 * @property {number | null} flip  where the token takes over; null where the state itself lies
 */

/**
 * The stretches of a line between two ends.
 * @param {import("./line.js").Line} line
 * @param {[number, number]} ends
 * @returns {Stretch[]} from the − side to the + side
 */
export function stretches({ flips, ids }, [low, high]) {
  if (!ids.length) return [];
  const [minus, plus] = flips.map((side, i) =>
    side.map(([distance, place], rank) => {
      const next = side[rank + 1]?.[0] ?? Infinity;
      return i
        ? { start: distance, stop: next, place, flip: distance }
        : { start: -next, stop: -distance, place, flip: -distance };
    }),
  );
  const own = { start: minus.at(0)?.stop ?? -Infinity, stop: plus[0]?.start ?? Infinity, place: 0, flip: null };
  return [...minus.reverse(), own, ...plus]
    .filter(({ start, stop }) => stop > low && start < high)
    .map((each) => ({ ...each, start: Math.max(each.start, low), stop: Math.min(each.stop, high) }));
}

/**
 * The bands of a figure.
 * @param {import("./frame.js").Frame} figure
 * @returns {(model: import("./model.js").Model, place: import("./ray_place.js").Place) => void}
 */
export function bands({ plot, over }) {
  const leading = svg("g", { class: "leading" });
  const certified = svg("g", { class: "certified" });
  const flips = svg("g", { class: "flips" });
  const names = svg("g", { class: "names" });
  plot.append(leading, certified, flips);
  over.append(names);
  return (model, place) => {
    const { x, size, ends } = place;
    const parts = stretches(model.line, ends);
    const upright = { y: size.top, height: size.bottom - size.top };
    drawLeading(leading, model, parts, x, upright);
    drawCertified(certified, model, x, upright);
    drawFlips(flips, model, parts, place);
    drawNames(names, model, parts, place);
  };
}

function drawLeading(group, { line, colour }, parts, x, upright) {
  each(group, parts, () => svg("rect"), (node, { start, stop, place, flip }) => {
    const width = Math.max(x.at(stop) - x.at(start), 0);
    set(node, { x: x.at(start), width, ...upright });
    set(node, { style: flip === null ? "fill: none" : `fill: ${colour(line.ids[place])}` });
  });
}

function drawCertified(group, { sides }, x, upright) {
  const brackets = sides.flatMap(({ sign, bracket }) =>
    bracket && Number.isFinite(bracket[0]) ? [bracket.map((distance) => x.at(sign * distance))] : [],
  );
  // a band that is narrower than a pixel is still seen
  each(group, brackets, () => svg("rect"), (node, [inner, outer]) => {
    const [left, right] = [Math.min(inner, outer), Math.max(inner, outer)];
    const middle = (left + right) / 2;
    const width = Math.max(Math.min(right, 1e5) - left, 2);
    set(node, { x: right - left < 2 ? middle - 1 : left, width, ...upright });
  });
}

function drawFlips(group, { line }, parts, { x, size }) {
  const shown = parts.filter(({ flip, start, stop }) => flip !== null && (flip === start || flip === stop));
  each(group, shown, makeFlip, (node, { flip, place }) => {
    const at = x.at(flip);
    const [mark, shape, title] = node.children;
    set(mark, { x1: at, x2: at, y1: size.top, y2: size.bottom });
    const [wide, high] = [6 * size.scale, 10 * size.scale];
    set(shape, { d: `M${at} ${size.bottom - high}l${wide} ${high}h${-2 * wide}Z` });
    say(title, `${line.texts[place]} takes over here`);
  });
}

function makeFlip() {
  return svg("g", {}, svg("line"), svg("path"), svg("title"));
}

/** The token of each stretch at the line where it takes over, the nearest to the state first. */
function drawNames(group, { line }, parts, { x, size }) {
  const letters = LETTERS * size.scale;
  const names = parts.map(({ flip, start, stop, place }) => {
    const text = shortName(line.texts[place]);
    const width = nameWidth(text, letters);
    const [left, right] = [x.at(start), x.at(stop)];
    const middle = (left + right - width) / 2;
    const inner = [left + BESIDE, right - BESIDE - width];
    const [before, after] = [x.at(0) - BESIDE - width, x.at(0) + BESIDE];
    const own = start < 0 && stop > 0 ? [after, before] : [middle];
    const starts = flip === null ? own : flip > 0 ? inner : inner.toReversed();
    const isInside = (from) => from > left && from + width < right;
    const sorted = [...starts.filter(isInside), ...starts.filter((from) => !isInside(from))];
    return { text, width, starts: sorted, flip: Math.abs(flip ?? 0) };
  });
  names.sort((one, other) => one.flip - other.flip);
  const placed = placeNames(names, [size.left + 2, size.right - 2], ROWS);
  each(group, placed, () => svg("text"), (node, name) => {
    say(set(node, { x: name.x, y: size.top + (14 + ROW * name.row) * size.scale }), name.text);
  });
}
