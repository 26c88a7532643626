// The picture of a plane, drawn once and changed in place: KL as bands, the true boundary, the closed
// form's ellipse, the certified ball, the cells of the most likely token, the ray, and the point.

import { cividis } from "./cividis.js";
import { each, html, say, set, svg } from "./nodes.js";
import { drawPlaneAxes, planeAxes } from "./plane_axes.js";
import { cellEdges } from "./plane_cells.js";
import { drawPlaneNames } from "./plane_names.js";
import { BAND_POWERS, filledPath, linePath, planeEllipse } from "./plane_view.js";

/** Pixels around the square, for the axes. */
const PLANE_AROUND = { left: 58, right: 16, top: 8, bottom: 44 };
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
 * @property {import("./plane_cells.js").CellInView[]} cells
 * @property {number[]} ends    the boundaries on the ray, signed
 * @property {[number, number]} point
 * @property {string} tag       what is said beside it
 * @property {import("./format.js").Unit} unit
 * @property {[string, string]} labels  of the axes
 * @property {(id: number) => string} colour
 *
 * @typedef {object} Square  that is drawn in, in pixels
 * @property {number} left
 * @property {number} top
 * @property {number} side
 * @property {(x: number, y: number) => [number, number]} place  of a point in coordinates
 * @property {number} scale   of letters and what is around the square
 */

/** What is drawn in the square, from the back to the front. */
function planeLayers() {
  const layer = (name, type = "g") => svg(type, { class: `plane-${name}` });
  return {
    bands: layer("bands"),
    edges: layer("edges", "path"),
    ball: layer("ball", "circle"),
    actualCase: layer("actual-case", "path"),
    actual: layer("actual", "path"),
    formulaCase: layer("formula-case", "path"),
    formula: layer("formula", "path"),
    samples: layer("samples"),
    ray: layer("ray", "path"),
    state: layer("state", "path"),
    ends: layer("ends"),
    names: layer("names"),
  };
}

/** Build the picture of a plane. */
export function planePicture() {
  const [clip, hatch] = ["clip", "hatch"].map((name) => `plane-${name}-${pictures}`);
  pictures += 1;
  const [frame, clipped, unknown] = [{ class: "plane-frame" }, {}, { fill: `url(#${hatch})` }].map((look) =>
    svg("rect", look),
  );
  const [parts, axes] = [planeLayers(), planeAxes()];
  const pane = svg("g", { class: "plane-pane", "clip-path": `url(#${clip})` }, unknown, ...Object.values(parts));
  const defs = svg("defs", {}, svg("clipPath", { id: clip }, clipped), planeHatch(hatch));
  const node = svg("svg", { class: "plane", role: "img" }, defs, pane, frame, ...axes.nodes);
  // in a layer of its own: when it moves, nothing else is painted
  const hand = html(
    "div",
    { class: "plane-hand", "aria-hidden": "true" },
    html("span", { class: "plane-tag" }),
    html("i", { class: "plane-knob" }),
  );
  const squares = [frame, clipped, unknown];
  const picture = { node, hand, parts, axes, squares, around: PLANE_AROUND, side: 0, scale: 1 };
  return {
    node,
    hand,
    pane,
    resize: (width, scale) => planeResize(picture, width, scale),
    /** @param {Shown} shown */
    drawShapes: (shown) => drawPlaneShapes(picture, shown),
    /** @param {Shown} shown */
    drawPoint: (shown) => drawPlanePoint(picture, shown),
    /** The point of the plane at a place of the picture. */
    under: (place, half) => planeUnder(picture, place, half),
  };
}

/** Thin lines over what was not computed. */
function planeHatch(id) {
  const line = svg("path", { d: "M0,8L8,0", class: "plane-hatch" });
  return svg("pattern", { id, width: 8, height: 8, patternUnits: "userSpaceOnUse" }, line);
}

/** Fit the picture to a width and to a size of letters; whether that changed it. */
function planeResize(picture, width, scale) {
  const scaled = Object.entries(PLANE_AROUND).map(([name, pixels]) => [name, pixels * scale]);
  const around = Object.fromEntries(scaled);
  const { left, right, top, bottom } = around;
  const side = Math.max(120, Math.round(width - left - right));
  if (side === picture.side && scale === picture.scale) return false;
  Object.assign(picture, { side, scale, around });
  for (const square of picture.squares) set(square, { x: left, y: top, width: side, height: side });
  const size = [side + left + right, side + top + bottom];
  set(picture.node, { viewBox: `0 0 ${size.join(" ")}`, width: size[0], height: size[1] });
  return true;
}

/** From coordinates of the plane to the screen. */
function planePlacer({ side, around: { left, top } }, half) {
  const scale = side / (2 * half);
  return (x, y) => [left + side / 2 + x * scale, top + side / 2 - y * scale];
}

/**
 * The point of the plane at a place of the picture, no further than the view.
 * @param {{node: Element, side: number}} picture
 * @param {[number, number]} place  in pixels of the page, from the picture's corner
 * @param {number} half
 * @returns {[number, number]}
 */
function planeUnder({ node, side, around: { left, right, top } }, [across, down], half) {
  const scale = (2 * half) / side;
  // the page may be drawn larger or smaller than it says
  const zoom = (side + left + right) / node.getBoundingClientRect().width;
  const x = across * zoom - left - side / 2;
  const y = side / 2 + top - down * zoom;
  const bounded = (pixels) => Math.max(-side / 2, Math.min(side / 2, pixels));
  return [bounded(x) * scale, bounded(y) * scale];
}

function drawPlaneShapes(picture, shown) {
  const { plane, half, epsilon, ball, ends, levels } = shown;
  const { parts } = picture;
  const place = planePlacer(picture, half);
  const outline = plane.outline(epsilon);
  const far = plane.exact ? FAR * half : plane.extent;
  each(
    parts.bands,
    levels.bands,
    () => svg("path"),
    (node, band) =>
      set(node, {
        d: filledPath(band.outline, plane.directions, place, far),
        fill: bandColour(band.power),
      }),
  );
  drawPlaneEdges(picture, plane, place);
  const [formula, actual] = [linePath(planeEllipse(plane, epsilon), place), linePath(outline, place)];
  for (const name of ["formulaCase", "formula"]) set(parts[name], { d: formula });
  for (const name of ["actualCase", "actual"]) set(parts[name], { d: actual });
  const [cx, cy] = place(0, 0);
  const scale = picture.side / (2 * half);
  set(parts.ball, { cx, cy, r: (ball ?? 0) * scale });
  set(parts.state, { d: `M${cx - 4},${cy - 4}l8,8m0,-8l-8,8` });
  set(parts.ray, { d: `M${place(-half, 0)}L${place(half, 0)}` });
  drawPlaneDots(
    parts.ends,
    ends.map((end) => place(end, 0)),
    4.5,
  );
  drawPlaneDots(
    parts.samples,
    plane.exact ? [] : outline.filter(Boolean).map((point) => place(...point)),
    2,
  );
  const square = { ...picture.around, side: picture.side, scale: picture.scale, place };
  drawPlaneNames(parts.names, shown, square);
  drawPlaneAxes(picture.axes, shown, square);
}

function drawPlanePoint(picture, { half, point, tag }) {
  const [x, y] = planePlacer(picture, half)(...point);
  picture.hand.style.transform = `translate(${x}px, ${y}px)`;
  set(picture.hand, {
    hidden: Math.max(...point.map(Math.abs)) > 1.01 * half,
    "data-turned": point[0] > 0,
  });
  say(picture.hand.firstChild, tag);
}

function drawPlaneDots(layer, places, r) {
  each(
    layer,
    places,
    () => svg("circle", { r }),
    (node, [cx, cy]) => set(node, { cx, cy }),
  );
}

/** Edges between cells: found once for a plane, then scaled. */
function drawPlaneEdges(picture, plane, place) {
  if (picture.edgesOf !== plane) Object.assign(picture, { edgesOf: plane, edges: cellEdges(plane) });
  set(picture.parts.edges, { d: picture.edges.map((ends) => linePath(ends, place)).join("") });
}
