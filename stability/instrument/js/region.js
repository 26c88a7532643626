// The stable region in the plane of two directions. A point of it can be taken by the hand: the
// prediction follows, and when it is let go the ray turns to pass through it.

import { digits, epsilonWords, length } from "./format.js";
import { ballRadius } from "./ball.js";
import { atHand } from "./model.js";
import { each, html, say, set } from "./nodes.js";
import { planeHand } from "./plane_hand.js";
import { planeLegend } from "./plane_legend.js";
import { planePicture } from "./plane_picture.js";
import { cellsInView, halfWidth, planeBands } from "./plane_view.js";

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
  const picture = planePicture();
  const second = secondSelect(instrument);
  const zoomed = (factor) => () => zoomPlane(instrument, region, factor);
  const tools = html("div", { class: "plane-tools" },
    html("label", {}, "across: ", second),
    planeButton("+", "Zoom in", zoomed(1 / PLANE_ZOOM)),
    planeButton("−", "Zoom out", zoomed(PLANE_ZOOM)),
    planeButton("fit", "Show the whole region", () => instrument.change({ half: null })));
  const hand = planeHand(instrument, picture, () => region.half);
  const stage = html("div", { class: "plane-stage" }, picture.node, picture.hand, ...hand.sliders);
  const missing = html("p", { class: "plane-missing" });
  const legend = planeLegend(instrument);
  const node = html("section", { class: "region", "aria-label": "The stable region in a plane", "data-testid": "figure-region" },
    html("div", { class: "head" }, html("h2", {}, "Stable region"), tools), stage, missing, legend.node);
  const region = { picture, stage, missing, legend, second, hand, tools, fitted: null, half: 1, drawn: null };
  watchPlaneWidth(instrument, region);
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoomPlane(instrument, region, event.deltaY > 0 ? PLANE_ZOOM ** 0.25 : PLANE_ZOOM ** -0.25);
  }, { passive: false });
  set(picture.node, { role: "img" });
  return { node, draw: (model) => drawRegion(region, model) };
}

function planeButton(text, label, onclick) {
  return html("button", { type: "button", "aria-label": label, onclick }, text);
}

/** Which eigendirection spans the plane with the ray's. */
function secondSelect(instrument) {
  const onchange = (event) => instrument.send({ kind: "second", rank: Number(event.target.value) });
  return html("select", { "aria-label": "Second axis of the plane", "data-testid": "second", onchange });
}

function watchPlaneWidth(instrument, region) {
  new ResizeObserver(([{ contentRect }]) => {
    // nothing is told while the part is hidden
    if (contentRect.width > 0 && region.picture.resize(contentRect.width)) {
      region.drawn = null;
      instrument.change({});
    }
  }).observe(region.stage);
}

function zoomPlane(instrument, region, factor) {
  const model = instrument.model();
  if (!model?.plane) return;
  const whole = halfWidth(model.plane, model.view.epsilon);
  const half = Math.max(PLANE_CLOSEST * whole, Math.min(region.half * factor, model.plane.extent));
  instrument.change({ half });
}

function drawRegion(region, model) {
  const { plane, scene } = model;
  set(region.stage, { "data-missing": !plane });
  set(region.legend.node, { hidden: !plane });
  for (const tool of region.tools.querySelectorAll("button")) set(tool, { disabled: !plane });
  drawSecond(region.second, scene);
  say(region.missing, plane ? "" : (scene.plane_note ?? "The plane is still being computed."));
  if (!plane || !region.picture.isSized()) return;
  region.half = halfInView(region, model);
  const shown = shownPlane(model, region.half);
  if (isOtherShape(region.drawn, shown)) {
    shown.levels = planeBands(plane, shown.epsilon, shown.half);
    shown.cells = cellsInView(plane, shown.half);
    region.picture.drawShapes(shown);
    region.legend.draw(shown);
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
    ends: (sides ?? []).filter(({ boundary }) => boundary.distance !== null).map(({ sign, boundary }) => sign * boundary.distance),
    point: view.point ?? [view.t, 0],
    tag: planeTag(model),
    unit,
    labels: [direction.label, second?.label ?? "second direction"],
    colour,
  };
}

/** The prediction at the point, while it is dragged off the ray. */
function planeTag(model) {
  if (!model.view.point) return "";
  const { kl, text } = atHand(model);
  return `${kl === null ? "KL not computed" : `KL ${digits(kl)} nats`}${text === null ? "" : `, ${text}`}`;
}

function isOtherShape(before, now) {
  if (!before) return true;
  return ["plane", "half", "isFitted", "epsilon", "ball", "colour"].some((name) => before[name] !== now[name])
    || before.unit.length !== now.unit.length
    || ["ends", "labels"].some((name) => String(before[name]) !== String(now[name]));
}

function drawSecond(select, { setting, spectrum }) {
  const ranks = spectrum.eigenvalues.map((_, rank) => rank).filter((rank) => rank !== setting.direction.rank);
  each(select, ranks, () => html("option"), (option, rank) => say(set(option, { value: rank }), `eigendirection ${rank + 1}`));
  const value = String(setting.second?.rank ?? "");
  if (select.value !== value) select.value = value;
}

/** The picture in a sentence. */
function planeAlt(model, { epsilon, labels, unit, ends }) {
  const hand = atHand(model);
  const reach = ends.map((end) => length(end, unit)).join(" and ");
  const along = reach ? ` Along the ray the boundary lies at ${reach}.` : "";
  return `The plane of ${labels.join(" and ")}, in ${unit.name}: KL as bands, its true boundary at ${digits(epsilon)} nats (${epsilonWords(epsilon)}) and the closed form's ellipse around the state.${along} At the point: KL ${digits(hand?.kl)} nats, most likely ${hand?.text ?? "unknown"}.`;
}
