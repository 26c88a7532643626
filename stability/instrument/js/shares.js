// The probabilities of the leading tokens along the ray, stacked; a token is chosen by a tap on its band.

import { svg, set, say, each } from "./nodes.js";
import { digits } from "./format.js";
import { frame } from "./frame.js";
import { shortName } from "./labels.js";
import { legend } from "./legend.js";
import { rayAxes } from "./axes.js";
import { RAY_MARGIN, rayPlace } from "./ray_place.js";
import { signed } from "./ray_words.js";
import { cursor, scrubOn } from "./scrubber.js";
import { jointProbability, toggleChosen } from "./chosen.js";
import { bandAt, nameBands, sampleShares, drawAreas, drawJoint } from "./share_areas.js";
import { watch } from "./watch.js";
import { zoomable } from "./zoom.js";

const PENDING = "The probabilities along the ray are being computed.";
const NAME = "Probabilities along the ray";

const HEIGHT = 104;
const UPRIGHT = { top: 1, ticks: [0, 0.5, 1] };

/**
 * The figure of the probabilities.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function shares(instrument) {
  const margin = { ...RAY_MARGIN, top: 4, bottom: 20 };
  const figure = frame(instrument, { name: NAME, testid: "figure-shares", height: HEIGHT, margin });
  // few entries, which have room behind the title
  figure.tools.before(figure.key);
  const ground = svg("rect", { class: "ground" });
  const drawLayers = layers(instrument, figure, ground);
  const drawCursor = cursor(figure.over, false);
  let place = null;
  let drawn = null;
  const tap = (x, y) => {
    const band = bandAt(drawn, x, y, place);
    if (band) toggleChosen(instrument, band.id);
    return band !== null;
  };
  scrubOn(instrument, ground, figure, () => place?.x ?? null, tap);
  zoomable(instrument, figure, () => place?.x ?? null);
  const [isMoved, isRead] = [watch(), watch()];
  return {
    node: figure.node,
    draw(model) {
      const axes = rayAxes(instrument, model);
      const isKnown = Boolean(axes && model.line.ids.length);
      figure.note(isKnown || !axes ? null : PENDING);
      figure.node.toggleAttribute("hidden", !axes);
      if (!isKnown) return;
      const { line, unit, view } = model;
      const size = figure.size(view.large);
      const isOther = isMoved(line, ...axes.ends, size.width, size.scale);
      if (isRead(view.relative, view.chosen) || isOther) {
        place = rayPlace(figure, ground, unit, axes.ends, UPRIGHT, size);
        if (isOther) drawn = sampleShares(model, place);
        drawLayers(model, drawn, place);
      }
      drawCursor(view.t, place, null);
      figure.title(shareTitle(model));
    },
  };
}

/** All that does not move with t. */
function layers(instrument, figure, ground) {
  const areas = svg("g", { class: "areas" });
  const joint = svg("path", { class: "joint" });
  const names = svg("g", { class: "names" });
  figure.plot.append(areas, joint, names, ground);
  const makeName = () => svg("text", { "text-anchor": "middle", "dominant-baseline": "central" });
  return (model, drawn, place) => {
    drawAreas(areas, drawn, place, model.view.chosen);
    drawJoint(joint, drawn, model, place);
    each(names, nameBands(drawn, place), makeName, (node, { text, x, y }) => say(set(node, { x, y }), text));
    legend(figure.key, shareEntries(instrument, drawn, model));
    figure.table(["t", ...drawn.bands.map(({ text }) => text), "all others"], () => shareRows(drawn, model));
    figure.describe(shareAlt(drawn));
  };
}

function shareTitle(model) {
  const { line, view } = model;
  if (!view.chosen.length) return "Next tokens, stacked";
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
    const others = column.reduce((rest, share) => rest - share, 1);
    return [signed(t, unit), ...[...column, Math.max(others, 0)].map(digits)];
  });
}

function shareAlt({ bands, shares: rows }) {
  const range = (row) => `${digits(row[0])} to ${digits(row.at(-1))}`;
  return `From the left end to the right: ${bands.map(({ text }, i) => `${text} ${range(rows[i])}`).join(", ")}.`;
}
