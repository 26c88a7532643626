// The scrubber: t is dragged along the ray, stepped by keys, or played from one end to the other.

import { html, svg, set, say } from "./nodes.js";
import { digits } from "./format.js";
import { keepView, onDrag, onKeys, onSliderKeys } from "./drag.js";
import { rayAxes } from "./axes.js";
import { player } from "./player.js";
import { signed } from "./ray_words.js";
import { zoomBy, zoomKeys } from "./zoom.js";
import { watch } from "./watch.js";

/** Steps of the keys to a predicted radius, and of a larger one. */
const STEPS = 20;
const LARGE_STEP = 10;
/** Below this share of the width, t is meant to be that of the state. */
const AT_STATE = 0.006;

/**
 * The line at t in a figure of the ray, with a dot on its curve.
 * @param {SVGElement} group
 * @param {boolean} hasDot
 * @returns {(t: number, place: import("./ray_place.js").Place, nats: number | null) => void}
 */
export function cursor(group, hasDot) {
  const line = svg("line");
  const dot = svg("circle", { r: 4.5 });
  const node = svg("g", { class: "cursor" }, line, dot);
  group.append(node);
  return (t, { x, y, size, ends }, nats) => {
    const isInView = t >= ends[0] && t <= ends[1];
    set(node, { visibility: isInView ? null : "hidden", transform: `translate(${x.at(t).toFixed(2)} 0)` });
    set(line, { y1: size.top, y2: size.bottom });
    const height = nats === null ? null : y.at(nats);
    const isShown = hasDot && height !== null && height >= size.top;
    set(dot, { cy: isShown ? height.toFixed(2) : null, visibility: isInView && isShown ? null : "hidden" });
  };
}

/**
 * Let a pointer on a figure of the ray set t; two zoom it.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {Element} node
 * @param {import("./frame.js").Frame} figure
 * @param {() => import("./scales.js").Scale | null} scale  of the axis as drawn
 * @param {(x: number, y: number) => boolean} [tap]  whether a tap meant something else
 */
export function scrubOn(instrument, node, figure, scale, tap) {
  const move = (x) => {
    const [low, high] = rayAxes(instrument, instrument.model()).ends;
    const t = Math.min(Math.max(scale().value(x), low), high);
    instrument.change({ t: Math.abs(t) < AT_STATE * (high - low) ? 0 : t, point: null });
  };
  const pinch = ({ across, x }) => zoomBy(instrument, across, scale().value(x));
  const keep = () => keepView(instrument, ["t", "point"]);
  onDrag(node, figure.picture, { move, pinch, keep, tap: tap && ((x, y) => tap(x, y) || move(x)) });
}

/**
 * The control of t.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function scrubber(instrument) {
  const { node, track, thumb, play, outputs } = nodes();
  const playing = player(instrument, (isPlaying) => {
    set(play, { "aria-label": isPlaying ? "Pause" : "Play: move t along the ray", "data-playing": isPlaying });
  });
  set(play, { onclick: playing.toggle });
  const ends = () => rayAxes(instrument, instrument.model())?.ends;
  const to = (t) => {
    playing.stop();
    if (ends()) instrument.change({ t: Math.min(Math.max(t, ends()[0]), ends()[1]), point: null });
  };
  onDrag(track, track, {
    keep: () => keepView(instrument, ["t", "point"]),
    start() {
      thumb.focus({ preventScroll: true });
      playing.stop();
    },
    move: (x) => to(snapped(ends()[0] + (x / track.clientWidth) * (ends()[1] - ends()[0]), ends())),
  });
  const step = (steps, event) => {
    const size = instrument.model()?.predicted / STEPS;
    to(nearZero(instrument.view().t + steps * size * (event.shiftKey ? LARGE_STEP : 1), size));
  };
  onSliderKeys(thumb, step, { low: () => to(ends()[0]), high: () => to(ends()[1]), page: LARGE_STEP });
  onKeys(thumb, { 0: () => to(0), " ": playing.toggle, ...zoomKeys(instrument) });
  const isNew = watch();
  return {
    node,
    draw(model) {
      const axes = rayAxes(instrument, model);
      set(node, { hidden: !axes });
      if (!axes || !isNew(model.line, model.view.t, model.view.relative, ...axes.ends)) return;
      drawControl(model, axes.ends, thumb, track);
      drawOutputs(model, outputs);
    },
  };
}

function nodes() {
  const role = { role: "slider", tabindex: 0, "aria-label": "t, the point on the ray" };
  const thumb = html("div", { class: "thumb", "data-testid": "t", ...role });
  const rail = [html("i", { class: "rail" }), html("i", { class: "zero" })];
  const track = html("div", { class: "track" }, ...rail, thumb);
  const play = playButton();
  const outputs = {
    t: html("b", { "data-testid": "t-value" }),
    kl: html("b", { "data-testid": "kl-at-t" }),
    argmax: html("bdi", { "data-testid": "argmax-at-t" }),
  };
  const said = html("p", { class: "said" });
  said.append(
    html("span", {}, "t = ", outputs.t),
    html("span", {}, "KL ", outputs.kl),
    html("span", {}, "most likely ", outputs.argmax),
  );
  const group = { class: "scrubber", role: "group", "aria-label": "The point on the ray" };
  const node = html("div", group, track, html("div", { class: "row" }, play, said));
  return { node, track, thumb, play, outputs };
}

function playButton() {
  const shapes = { "if-paused": "M4 2.5v11l9.5-5.5Z", "if-playing": "M4 2.5h3v11H4Zm5 0h3v11H9Z" };
  const paths = Object.entries(shapes).map(([name, d]) => svg("path", { class: name, d }));
  const box = { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" };
  const attributes = { type: "button", class: "play", "data-testid": "play" };
  return html("button", attributes, svg("svg", box, ...paths));
}

function drawControl({ view, unit, line }, [low, high], thumb, track) {
  const share = (value) => `${(100 * Math.min(Math.max((value - low) / (high - low), 0), 1)).toFixed(3)}%`;
  set(track, { style: `--t: ${share(view.t)}; --zero: ${share(0)}` });
  const text = `${signed(view.t, unit)}, KL ${digits(line.kl(view.t))} nats`;
  set(thumb, {
    "aria-valuemin": Math.min(low, view.t) / unit.length,
    "aria-valuemax": Math.max(high, view.t) / unit.length,
    "aria-valuenow": view.t / unit.length,
    "aria-valuetext": text,
  });
}

function drawOutputs({ view, unit, line }, outputs) {
  const nats = line.kl(view.t);
  say(outputs.t, signed(view.t, unit));
  say(outputs.kl, nats === null ? "–" : `${digits(nats)} nats`);
  say(outputs.argmax, line.texts[line.winner(view.t)] ?? "–");
}

function snapped(t, [low, high]) {
  return Math.abs(t) < AT_STATE * (high - low) ? 0 : t;
}

/** A sum of steps that should be zero, is. */
function nearZero(t, step) {
  return Math.abs(t) < 1e-9 * step ? 0 : t;
}
