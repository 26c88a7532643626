// The picture of a plane, drawn once and changed in place: KL as bands, the true boundary, the closed
// form's ellipse, the certified ball, the cells of the most likely token, the ray, and the point.

import { cividis } from "./cividis.js";
import { each, html, say, set, svg } from "./nodes.js";
import { BAND_POWERS, cellEdges, planeEllipse, filledPath, linePath, planeTicks } from "./plane_view.js";

/** Pixels around the square, for the axes. */
const AROUND = { left: 52, right: 16, top: 8, bottom: 40 };
/** Pixels above a cell's middle, where the state itself may lie. */
const NAME_ABOVE = 18;
/** Pixels of a name: around its text, and of its height. */
const NAME_PADDING = 22;
const NAME_HEIGHT = 19;
/** In widths of the view: out of sight. */
const FAR = 40;

let pictures = 0;

/**
 * The share of the colours at which a band stands.
 * @param {number} power  of two, of its upper level in ε
 * @returns {string}
 */
export function bandColour(power) {
  const [first, last] = BAND_POWERS;
  return cividis((power - first) / (last + 1 - first));
}

/**
 * @typedef {object} Shown  what is drawn
 * @property {import("./plane.js").Plane} plane
 * @property {number} half      half the width in view, in coordinates
 * @property {boolean} isFitted  whether the view was left to follow the region
 * @property {number} epsilon   nats
 * @property {number | null} ball    radius, in coordinates
 * @property {ReturnType<typeof import("./plane_view.js").planeBands>} levels   the bands of KL in view
 * @property {import("./plane_view.js").CellInView[]} cells
 * @property {number[]} ends    the boundaries on the ray, signed
 * @property {[number, number]} point
 * @property {string} tag       what is said beside it
 * @property {import("./format.js").Unit} unit
 * @property {[string, string]} labels  of the axes
 * @property {(id: number) => string} colour
 */

/** Build the picture of a plane. */
export function planePicture() {
  const clip = `plane-clip-${(pictures += 1)}`;
  const hatch = `plane-hatch-${pictures}`;
  const frame = svg("rect", { class: "plane-frame" });
  const clipped = svg("rect");
  const layer = (name, type = "g") => svg(type, { class: name });
  const parts = {
    bands: layer("plane-bands"),
    edges: layer("plane-edges", "path"),
    ball: layer("plane-ball", "circle"),
    actualCase: layer("plane-actual-case", "path"),
    actual: layer("plane-actual", "path"),
    formulaCase: layer("plane-formula-case", "path"),
    formula: layer("plane-formula", "path"),
    samples: layer("plane-samples"),
    ray: layer("plane-ray", "path"),
    state: layer("plane-state", "path"),
    ends: layer("plane-ends"),
    names: layer("plane-names"),
  };
  const unknown = svg("rect", { fill: `url(#${hatch})` });
  const axes = { x: layer("plane-axis"), y: layer("plane-axis"), xTitle: layer("plane-title", "text"), yTitle: layer("plane-title", "text") };
  const pane = svg("g", { "clip-path": `url(#${clip})` }, unknown, ...Object.values(parts));
  const node = svg(
    "svg",
    { class: "plane" },
    svg("defs", {}, svg("clipPath", { id: clip }, clipped), planeHatch(hatch)),
    pane,
    frame,
    ...Object.values(axes),
  );
  // in a layer of its own: when it moves, nothing else is painted
  const tag = html("span", { class: "plane-tag" });
  const hand = html("div", { class: "plane-hand", "aria-hidden": "true" }, tag);
  const picture = { node, pane, hand, parts, axes, squares: [frame, clipped, unknown], side: 0 };
  return {
    node,
    hand,
    pane,
    isSized: () => picture.side > 0,
    resize: (width) => planeResize(picture, width),
    /** @param {Shown} shown */
    drawShapes: (shown) => drawPlaneShapes(picture, shown),
    /** @param {Shown} shown */
    drawPoint: (shown) => drawPlanePoint(picture, shown),
    /** The point of the plane under a place on the page. */
    under: (event, half) => planeUnder(picture, event, half),
  };
}

/** Thin lines over what was not computed. */
function planeHatch(id) {
  const line = svg("path", { d: "M0,8L8,0", class: "plane-hatch" });
  return svg("pattern", { id, width: 8, height: 8, patternUnits: "userSpaceOnUse" }, line);
}

/** Fit the picture to a width; whether that changed it. */
function planeResize(picture, width) {
  const { left, right, top, bottom } = AROUND;
  const side = Math.max(120, Math.round(width - left - right));
  if (side === picture.side) return false;
  picture.side = side;
  for (const square of picture.squares) set(square, { x: left, y: top, width: side, height: side });
  const size = [side + left + right, side + top + bottom];
  set(picture.node, { viewBox: `0 0 ${size.join(" ")}`, width: size[0], height: size[1] });
  return true;
}

/** From coordinates of the plane to the screen. */
function planePlacer({ side }, half) {
  const scale = side / (2 * half);
  return (x, y) => [AROUND.left + side / 2 + x * scale, AROUND.top + side / 2 - y * scale];
}

function planeUnder({ node, side }, event, half) {
  const box = node.getBoundingClientRect();
  const scale = (2 * half) / side;
  // the page may be drawn larger or smaller than it says
  const zoom = (side + AROUND.left + AROUND.right) / box.width;
  const x = (event.clientX - box.left) * zoom - AROUND.left - side / 2;
  const y = side / 2 + AROUND.top - (event.clientY - box.top) * zoom;
  const bounded = (pixels) => Math.max(-side / 2, Math.min(side / 2, pixels));
  return [bounded(x) * scale, bounded(y) * scale];
}

function drawPlaneShapes(picture, shown) {
  const { plane, half, epsilon, ball, ends, levels } = shown;
  const { parts } = picture;
  const place = planePlacer(picture, half);
  const outline = plane.outline(epsilon);
  const far = plane.exact ? FAR * half : plane.extent;
  each(parts.bands, levels.bands, () => svg("path"), (node, band) =>
    set(node, { d: filledPath(band.outline, plane.directions, place, far), fill: bandColour(band.power) }));
  drawPlaneEdges(picture, plane, place);
  const [formula, actual] = [linePath(planeEllipse(plane, epsilon), place), linePath(outline, place)];
  for (const name of ["formulaCase", "formula"]) set(parts[name], { d: formula });
  for (const name of ["actualCase", "actual"]) set(parts[name], { d: actual });
  const [cx, cy] = place(0, 0);
  const scale = picture.side / (2 * half);
  set(parts.ball, { cx, cy, r: (ball ?? 0) * scale });
  set(parts.state, { d: `M${cx - 4},${cy - 4}l8,8m0,-8l-8,8` });
  set(parts.ray, { d: `M${place(-half, 0)}L${place(half, 0)}` });
  drawPlaneDots(parts.ends, ends.map((end) => place(end, 0)), 4.5);
  drawPlaneDots(parts.samples, plane.exact ? [] : outline.filter(Boolean).map((point) => place(...point)), 2);
  drawPlaneNames(picture, shown, place);
  drawPlaneAxes(picture, shown);
}

function drawPlanePoint(picture, { half, point, tag }) {
  const [x, y] = planePlacer(picture, half)(...point);
  picture.hand.style.transform = `translate(${x}px, ${y}px)`;
  set(picture.hand, { hidden: Math.max(...point.map(Math.abs)) > 1.01 * half, "data-turned": point[0] > 0 });
  say(picture.hand.firstChild, tag);
}

function drawPlaneDots(layer, places, r) {
  each(layer, places, () => svg("circle", { r }), (node, [cx, cy]) => set(node, { cx, cy }));
}

/** Edges between cells: found once for a plane, then scaled. */
function drawPlaneEdges(picture, plane, place) {
  if (picture.edgesOf !== plane) Object.assign(picture, { edgesOf: plane, edges: cellEdges(plane) });
  set(picture.parts.edges, { d: picture.edges.map((ends) => linePath(ends, place)).join("") });
}

function drawPlaneNames(picture, { cells, colour }, place) {
  const taken = [];
  const names = cells
    .filter(({ hasRoom }) => hasRoom)
    .map(({ id, text, middle: [x, y] }) => {
      const width = planeTextWidth(text) + NAME_PADDING;
      const [left, top] = place(x, y);
      const within = Math.max(AROUND.left + 4, Math.min(left - width / 2, AROUND.left + picture.side - width - 4));
      return { id, text, width, left: within, top: Math.max(AROUND.top + 4, top - NAME_ABOVE - NAME_HEIGHT / 2) };
    })
    .filter((name) => {
      const isFree = taken.every((other) =>
        name.left + name.width < other.left || other.left + other.width < name.left ||
        Math.abs(name.top - other.top) > NAME_HEIGHT);
      if (isFree) taken.push(name);
      return isFree;
    });
  each(picture.parts.names, names, makePlaneName, (node, { id, text, width, left, top }) => {
    const [box, swatch, label] = node.children;
    set(node, { transform: `translate(${left.toFixed(1)},${top.toFixed(1)})` });
    set(box, { width });
    set(swatch, { fill: colour(id) });
    say(label, text);
  });
}

function makePlaneName() {
  const box = svg("rect", { height: NAME_HEIGHT, rx: 4 });
  const swatch = svg("rect", { x: 6, y: 5.5, width: 8, height: 8, rx: 2 });
  return svg("g", { class: "plane-name" }, box, swatch, svg("text", { x: 18, y: 14 }));
}

const planeTextWidths = new Map();
let planeRuler = null;

/** The width of a name in pixels, without asking the page, which would lay it out again. */
function planeTextWidth(text) {
  if (!planeTextWidths.has(text)) {
    planeRuler ??= document.createElement("canvas").getContext("2d");
    planeRuler.font = "13px system-ui, sans-serif";
    planeTextWidths.set(text, planeRuler.measureText(text).width);
  }
  return planeTextWidths.get(text);
}

/** A round number as short as it is, with a true minus sign. */
function planeTick(value) {
  return String(value).replace("-", "−");
}

function drawPlaneAxes({ axes, side }, { half, unit, labels }) {
  const { left, top } = AROUND;
  const inUnits = half / unit.length;
  const ticks = planeTicks(inUnits);
  const along = (tick) => side / 2 + (tick / inUnits) * (side / 2);
  const tickNode = () => svg("g", {}, svg("line"), svg("text"));
  each(axes.x, ticks, tickNode, (node, tick) => {
    set(node, { transform: `translate(${left + along(tick)},${top + side})` });
    set(node.firstChild, { y2: 4 });
    say(set(node.lastChild, { y: 16, "text-anchor": "middle" }), planeTick(tick));
  });
  each(axes.y, ticks, tickNode, (node, tick) => {
    set(node, { transform: `translate(${left},${top + side - along(tick)})` });
    set(node.firstChild, { x2: -4 });
    say(set(node.lastChild, { x: -7, y: 4, "text-anchor": "end" }), planeTick(tick));
  });
  const [x, y] = labels.map((label) => `${label} (${unit.name})`);
  say(set(axes.xTitle, { x: left + side / 2, y: top + side + 34, "text-anchor": "middle" }), x);
  const turned = `translate(12,${top + side / 2}) rotate(-90)`;
  say(set(axes.yTitle, { transform: turned, "text-anchor": "middle" }), y);
}
