// The eigenvalues on a log axis, a dot each, as a bar on it would have no honest length; one of them is
// the direction.

import { html, svg, set, say, each } from "./nodes.js";
import { digits, percent } from "./format.js";
import { onKeys } from "./drag.js";
import { frame } from "./frame.js";
import { linearScale, linearTicks, logScale, logTicks } from "./scales.js";
import { watch } from "./watch.js";

const NAME = "Eigenvalues of the curvature";
/** Of the greatest; smaller ones, and those that are not positive, lie at the bottom. */
const FLOOR = 1e-9;
const DOT = 4;
/** Pixels of the least width that can be hit. */
const TARGET = 24;
/** Pixels between two eigenvalues that have room for stems. */
const ROOM = 5;
/** Eigenvalues that a page key goes on. */
const PAGE = 10;

/**
 * The figure of the spectrum.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function spectrum(instrument) {
  const margin = { left: 52, right: 14, top: 8, bottom: 20 };
  const figure = frame(instrument, { name: NAME, testid: "figure-spectrum", height: 180, margin });
  const caption = html("p", { class: "caption" });
  figure.picture.after(caption);
  set(figure.picture, { role: "radiogroup" });
  const ground = svg("rect", { class: "ground choose" });
  const dots = svg("g", { class: "eigenvalues" });
  figure.over.append(ground, dots);
  let drawn = null;
  choosable(instrument, figure, dots, () => drawn);
  figure.title("Eigenvalues λ (nats/unit², log)");
  const isNew = watch();

  return {
    node: figure.node,
    draw(model) {
      const { spectrum: sent, setting } = model.scene;
      const size = figure.size(model.view.large);
      if (!isNew(sent, setting.direction.rank, size.width, size.scale)) return;
      drawn = drawDots({ figure, ground, dots }, sent, setting.direction.rank, size);
      say(caption, captionText(sent));
      figure.describe(captionText(sent));
      const row = (value, i) => [String(i + 1), digits(value), percent(value / sent.trace)];
      const rows = () => sent.eigenvalues.map(row);
      figure.table(["eigendirection", "λ", "share of the trace"], rows);
    },
  };
}

/** Let a click, on a dot or near it, and the keys choose a direction. */
function choosable(instrument, figure, dots, drawn) {
  const choose = (rank, isFocused) => {
    const to = Math.min(Math.max(rank, 0), drawn().values.length - 1);
    if (isFocused) dots.children[to].focus();
    instrument.send({ kind: "direction", rank: to });
  };
  figure.over.addEventListener("click", (event) => {
    const pixel = event.clientX - figure.picture.getBoundingClientRect().left;
    choose(Math.round(drawn().x.value(pixel)) - 1, false);
  });
  const from = (by) => (event) => choose([...dots.children].indexOf(event.target) + by, true);
  onKeys(dots, {
    ArrowLeft: from(-1), ArrowUp: from(-1), ArrowRight: from(1), ArrowDown: from(1),
    PageUp: from(-PAGE), PageDown: from(PAGE), " ": from(0), Enter: from(0),
    Home: () => choose(0, true), End: () => choose(Infinity, true),
  });
}

function drawDots({ figure, ground, dots }, { eigenvalues: values, trace }, rank, size) {
  const greatest = Math.max(...values, 0) || 1;
  const least = Math.min(...values.filter((value) => value > FLOOR * greatest), greatest);
  const room = [least / 1.4, greatest * 1.4];
  const x = linearScale([0.4, values.length + 0.6], [size.left, size.right]);
  const y = logScale(room, [size.bottom, size.top]);
  const ticks = linearTicks([1, values.length], 6).filter((tick) => Number.isInteger(tick) && tick > 0);
  const along = { scale: x, ticks: [...new Set([1, ...ticks])] };
  figure.axes({ x: along, y: { scale: y, ticks: logTicks(room, 4) } }, size);
  set(ground, { x: size.left, y: size.top, width: size.right - size.left, height: size.bottom - size.top });
  const radius = Math.min(DOT * size.scale, Math.max(1.2, 0.4 * (x.at(2) - x.at(1))));
  each(dots, values, makeDot, (node, value, index) => {
    const isChosen = index === rank;
    const isAbove = value > FLOOR * greatest;
    set(node, {
      class: isAbove ? "eigenvalue" : "eigenvalue below",
      tabindex: index === (rank ?? 0) ? 0 : -1,
      "aria-checked": String(isChosen),
      "aria-label": `eigendirection ${index + 1}, λ ${digits(value)}, ${percent(value / trace)} of the trace`,
    });
    const at = { cx: x.at(index + 1), cy: isAbove ? y.at(value) : size.bottom };
    set(node.firstChild, { visibility: isChosen || x.at(2) - x.at(1) > ROOM ? null : "hidden" });
    set(node.firstChild, { x1: at.cx, x2: at.cx, y1: at.cy, y2: size.bottom });
    // what a finger can hit
    const width = Math.max(TARGET, x.at(2) - x.at(1));
    set(node.children[1], { x: at.cx - width / 2, y: size.top, width, height: size.bottom - size.top });
    set(node.lastChild, { ...at, r: isChosen ? Math.max(1.4 * radius, DOT) : radius });
  });
  return { x, values };
}

function makeDot(_, index) {
  return svg("g", { role: "radio", "data-testid": `eigen-${index}` }, svg("line"), svg("rect", { class: "target" }), svg("circle"));
}

function captionText({ eigenvalues, trace, trace_error, effective_rank, shown_share }) {
  const error = trace_error ? ` ± ${digits(trace_error)}` : "";
  const { length } = eigenvalues;
  const shown = length === 1 ? "This one holds" : `These ${length} hold`;
  return `${rankText(effective_rank)} ${shown} ${percent(shown_share)} of the trace, ${digits(trace)}${error}.`;
}

/** The effective rank, or where it lies if not all eigenvalues are known. */
function rankText([low, high]) {
  const [least, most] = [low, high].map(digits);
  return least === most ? `Effective rank ${least}.` : `Effective rank between ${least} and ${most}.`;
}
