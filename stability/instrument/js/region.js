// The stable region in the plane of two directions. A point of it can be taken by the hand: the
// prediction follows, and when it is let go the ray turns to pass through it.

import { ballRadius } from "./ball.js";
import { cloudSwitch } from "./cloud_switch.js";
import { onKeys } from "./drag.js";
import { behind, LARGE } from "./frame.js";
import { each, html, say, set } from "./nodes.js";
import { cellsInView } from "./plane_cells.js";
import { planeHand } from "./plane_hand.js";
import { planeLegend } from "./plane_legend.js";
import { planePicture } from "./plane_picture.js";
import { PLANE_HEADINGS, planeRows } from "./plane_rows.js";
import { halfWidth, planeBands } from "./plane_view.js";
import { planeAlt, planeTag } from "./plane_words.js";

/** One step of zoom. */
const PLANE_ZOOM = 1.4;
/** The closest view, of the one that shows the region. */
const PLANE_CLOSEST = 1e-3;

/**
 * The part that shows the plane.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function region(instrument) {
  const parts = {
    picture: planePicture(),
    second: secondSelect(instrument),
    pictures: cloudSwitch(instrument),
    data: behind("Stable region"),
    missing: html("p", { class: "figure-note" }),
    legend: planeLegend(instrument),
  };
  const { picture, second, data, missing, legend } = parts;
  const region = { ...parts, fitted: null, half: 1, width: 0, drawn: null };
  const zoom = (factor) => zoomPlane(instrument, region, factor);
  const hand = planeHand(instrument, picture, () => region.half, zoom);
  const zooms = planeZooms(instrument, zoom);
  const tools = [...zooms, data.button];
  const stage = html("div", { class: "plane-stage" }, picture.node, picture.hand, ...hand.sliders);
  Object.assign(region, { hand, tools, stage });
  watchPlaneWidth(instrument, region);
  zoomByWheelAndKeys(instrument, region, zoom);
  const row = (...nodes) => html("span", { class: "tools" }, ...nodes);
  const title = html("span", { class: "figure-title" }, "Stable region");
  const caption = html("figcaption", {}, title, row(parts.pictures.node, data.button), row(second, ...zooms));
  const name = { "aria-label": "The stable region in a plane", "data-testid": "figure-region" };
  const body = [caption, stage, missing, legend.node, data.table];
  const node = html("figure", { class: "figure region", ...name }, ...body);
  return { node, draw: (model) => drawRegion(region, model) };
}

/** Buttons that zoom. */
function planeZooms(instrument, zoom) {
  const button = (text, label, onclick) =>
    html("button", { type: "button", class: "plain", "aria-label": label, onclick }, text);
  return [
    button("fit", "Show the whole region", () => instrument.change({ half: null })),
    button("−", "Zoom out of the region", () => zoom(PLANE_ZOOM)),
    button("+", "Zoom into the region", () => zoom(1 / PLANE_ZOOM)),
  ];
}

function zoomByWheelAndKeys(instrument, region, zoom) {
  region.stage.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(PLANE_ZOOM ** (Math.sign(event.deltaY) / 4));
    },
    { passive: false },
  );
  const fit = () => instrument.change({ half: null });
  onKeys(region.stage, {
    "+": () => zoom(1 / PLANE_ZOOM),
    "=": () => zoom(1 / PLANE_ZOOM),
    "-": () => zoom(PLANE_ZOOM),
    0: fit,
  });
}

/** Which eigendirection spans the plane with the ray's. */
function secondSelect(instrument) {
  const onchange = (event) => instrument.send({ kind: "second", rank: Number(event.target.value) });
  return html("select", { "aria-label": "Second axis of the plane", "data-testid": "second", onchange });
}

function watchPlaneWidth(instrument, region) {
  new ResizeObserver(([{ contentRect }]) => {
    // nothing is told while the part is hidden
    if (contentRect.width > 0) region.width = contentRect.width;
    instrument.redraw();
  }).observe(region.stage);
}

function zoomPlane(instrument, region, factor) {
  const model = instrument.model();
  if (!model?.plane) return;
  const whole = halfWidth(model.plane, model.view.epsilon);
  const half = (instrument.view().half ?? region.half) * factor;
  instrument.change({ half: Math.max(PLANE_CLOSEST * whole, Math.min(half, model.plane.extent)) });
}

function drawRegion(region, model) {
  const { plane, scene, view } = model;
  set(region.stage, { "data-missing": !plane });
  set(region.legend.node, { hidden: !plane });
  for (const tool of region.tools) set(tool, { disabled: !plane });
  drawSecond(region.second, scene);
  region.pictures.draw(model);
  say(region.missing, plane ? "" : (scene.plane_note ?? "The plane is still being computed."));
  if (!region.width) return;
  const scale = view.large ? LARGE : 1;
  region.stage.style.setProperty("--scale", String(scale));
  if (region.picture.resize(region.width, scale)) region.drawn = null;
  if (!plane) return;
  region.half = halfInView(region, model);
  const shown = shownPlane(model, region.half);
  if (isOtherShape(region.drawn, shown)) {
    shown.levels = planeBands(plane, shown.epsilon, shown.half);
    shown.cells = cellsInView(plane, shown.half);
    region.picture.drawShapes(shown);
    region.legend.draw(shown);
    region.data.draw(PLANE_HEADINGS, () => planeRows(shown));
    region.drawn = shown;
  }
  region.picture.drawPoint(shown);
  region.hand.draw(model, shown);
  set(region.picture.node, { "aria-label": planeAlt(model, shown) });
}

/** Half the width in view: as set, or as it was, or around the region. */
function halfInView(region, { plane, view }) {
  if (view.half !== null) return Math.min(view.half, plane.extent);
  const isHeld = view.fixed && region.fitted?.plane === plane;
  if (!isHeld) region.fitted = { plane, half: halfWidth(plane, view.epsilon) };
  return region.fitted.half;
}

function shownPlane(model, half) {
  const { scene, plane, sides, unit, view, colour } = model;
  const { direction, second } = scene.setting;
  return {
    plane,
    half,
    isFitted: view.half === null,
    epsilon: view.epsilon,
    ball: scene.numbers.ball && ballRadius(scene.numbers.ball, view.epsilon),
    ends: (sides ?? [])
      .filter(({ boundary }) => boundary.distance !== null)
      .map(({ sign, boundary }) => sign * boundary.distance),
    point: view.point ?? [view.t, 0],
    tag: planeTag(model),
    unit,
    labels: [direction.label, second?.label ?? "second direction"],
    colour,
  };
}

function isOtherShape(before, now) {
  if (!before) return true;
  return (
    ["plane", "half", "isFitted", "epsilon", "ball", "colour"].some((name) => before[name] !== now[name]) ||
    before.unit.length !== now.unit.length ||
    ["ends", "labels"].some((name) => String(before[name]) !== String(now[name]))
  );
}

function drawSecond(select, { setting, spectrum }) {
  const ranks = spectrum.eigenvalues
    .map((_, rank) => rank)
    .filter((rank) => rank !== setting.direction.rank);
  each(
    select,
    ranks,
    () => html("option"),
    (option, rank) => say(set(option, { value: rank }), `eigendirection ${rank + 1}`),
  );
  const value = String(setting.second?.rank ?? "");
  if (select.value !== value) select.value = value;
}
