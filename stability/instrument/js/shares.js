// The probabilities of the leading tokens along the ray, stacked; a token is chosen by a tap on its band.

import { svg, set, say, each } from "./nodes.js";
import { digits } from "./format.js";
import { frame } from "./frame.js";
import { shortName } from "./labels.js";
import { legend } from "./legend.js";
import { linearScale } from "./scales.js";
import { rayAxes } from "./axes.js";
import { rayAxis, RAY_MARGIN } from "./ray.js";
import { signed } from "./ray_words.js";
import { cursor, scrubOn } from "./scrubber.js";
import { jointProbability, toggleChosen } from "./chosen.js";
import { bandAt, nameBands, sampleShares, drawAreas, drawJoint } from "./share_areas.js";
import { watch } from "./watch.js";
import { zoomable } from "./zoom.js";

const PENDING = "The probabilities along the ray are being computed.";
const NAME = "Probabilities along the ray";

/**
 * The figure of the probabilities.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function shares(instrument) {
  const margin = { ...RAY_MARGIN, top: 4, bottom: 20 };
  const figure = frame(instrument, { name: NAME, testid: "figure-shares", height: 104, margin });
  const background = svg("rect", { class: "ground" });
  const layers = { areas: svg("g", { class: "areas" }), joint: svg("path", { class: "joint" }), names: svg("g", { class: "names" }) };
  figure.plot.append(layers.areas, layers.joint, layers.names, background);
  const drawCursor = cursor(figure.over, false);
  let place = null;
  let drawn = null;
  const tap = (x, y) => {
    const band = bandAt(drawn, x, y, place);
    if (band) toggleChosen(instrument, band.id);
    return band !== null;
  };
  scrubOn(instrument, background, figure, () => place?.x ?? null, tap);
  zoomable(instrument, figure, () => place?.x ?? null);
  const [isOther, isNew] = [watch(), watch()];

  function drawStill(model, ends, size, isMoved) {
    const x = rayAxis(model, ends, size);
    const y = { scale: linearScale([0, 1], [size.bottom, size.top]), ticks: [0, 0.5, 1] };
    place = { x: x.scale, y: y.scale, size, ends };
    set(background, { x: size.left, y: size.top, width: size.right - size.left, height: size.bottom - size.top });
    figure.axes({ x, y }, size);
    if (isMoved) drawn = sampleShares(model, place);
    drawAreas(layers.areas, drawn, place, model.view.chosen);
    drawJoint(layers.joint, drawn, model, place);
    const named = nameBands(drawn, place);
    each(layers.names, named, () => svg("text", { "text-anchor": "middle", "dominant-baseline": "central" }),
      (node, { text, x: at, y: height }) => say(set(node, { x: at, y: height }), text));
    legend(figure.key, shareEntries(instrument, drawn, model));
    figure.table(["t", ...drawn.bands.map(({ text }) => text), "all others"], () => shareRows(drawn, model));
    figure.describe(shareAlt(drawn));
  }

  return {
    node: figure.node,
    draw(model) {
      const axes = rayAxes(instrument, model);
      const isKnown = Boolean(axes && model.line.ids.length);
      figure.note(isKnown || !axes ? null : PENDING);
      figure.node.toggleAttribute("hidden", !axes);
      if (!isKnown) return;
      const size = figure.size(model.view.large);
      const isMoved = isOther(model.line, ...axes.ends, size.width, size.scale);
      const isRead = isNew(model.view.relative, model.view.chosen);
      if (isMoved || isRead) drawStill(model, axes.ends, size, isMoved);
      drawCursor(model.view.t, place, null);
      figure.title(shareTitle(model));
    },
  };
}

function shareTitle(model) {
  const { line, view } = model;
  if (!view.chosen.length) return "Probability of the next token, stacked";
  const joint = jointProbability(model, line.ids, line.probabilities(view.t));
  const texts = view.chosen.map((id) => shortName(line.texts[line.ids.indexOf(id)] ?? `token ${id}`));
  return `Probability of ${texts.join(" or ")} at t: ${digits(joint)}`;
}

/** The bands that have no room for a name, those that are chosen, and the rest. */
function shareEntries(instrument, { bands }, { view }) {
  return [
    ...bands.map(({ id, text, colour }) => ({
      mark: "area", text: shortName(text), colour,
      toggle: () => toggleChosen(instrument, id),
      isPressed: view.chosen.includes(id),
    })),
    { mark: "area others", text: "all others" },
    view.chosen.length > 0 && { mark: "line joint", text: "chosen, together" },
  ].filter(Boolean);
}

function shareRows({ samples, bands, shares: rows }, { unit }) {
  const every = Math.ceil(samples.length / 20);
  return samples.filter((_, i) => i % every === 0).map(({ t }, row) => {
    const column = bands.map((_, band) => rows[band][row * every]);
    return [signed(t, unit), ...column.map(digits), digits(Math.max(1 - column.reduce((sum, p) => sum + p, 0), 0))];
  });
}

function shareAlt({ bands, shares: rows }) {
  const range = (row) => `${digits(row[0])} to ${digits(row.at(-1))}`;
  return `From the left end to the right: ${bands.map(({ text }, i) => `${text} ${range(rows[i])}`).join(", ")}.`;
}
