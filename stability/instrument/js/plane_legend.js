// What is drawn of a plane, exactly: each line with its name, and the colours of KL.

import { digits, length, natsText } from "./format.js";
import { changeWord, word } from "./glossary.js";
import { each, html, say } from "./nodes.js";
import { bandColour } from "./plane_picture.js";
import { BAND_POWERS } from "./plane_view.js";

const FRACTIONS = { "-2": "¼", "-1": "½" };

/**
 * @param {import("./instrument.js").Instrument} instrument
 */
export function planeLegend(instrument) {
  const key = html("div", { class: "plane-key", "aria-hidden": "true" });
  const lines = html("div", { class: "plane-lines" });
  const make = () => html("span", {}, html("i"), word(instrument, "boundary", ""));
  return {
    node: html("div", { class: "plane-legend" }, key, lines),
    /** @param {import("./plane_picture.js").Shown} shown */
    draw(shown) {
      drawPlaneKey(key, shown);
      each(lines, legendLines(shown), make, (node, { mark, term, text }) => {
        node.firstChild.className = `mark mark-${mark}`;
        changeWord(node.lastChild, term, text);
      });
    },
  };
}

/** Every kind of line in view. */
function legendLines({ plane, half, epsilon, ball, cells, unit, levels, isFitted }) {
  const nats = `KL = ${natsText(Number(epsilon.toPrecision(3)))}`;
  return [
    { mark: "actual", term: "boundary", text: plane.exact ? nats : `${nats}, found at the dots` },
    { mark: "formula", term: "closed form", text: "closed form" },
    ...(ball
      ? [{ mark: "ball", term: "certified ball", text: `certified ball, ${length(ball, unit)}` }]
      : []),
    ...(cells.length > 1 ? [{ mark: "flip", term: "flip", text: "most likely token changes" }] : []),
    ...(levels.isComplete
      ? []
      : [
          {
            mark: "unknown",
            term: "KL",
            text: plane.exact ? `KL above ${digits(plane.levels[1])} nats` : "not computed",
          },
        ]),
    ...(isFitted && isCut(plane.outline(epsilon), half)
      ? [{ mark: "cut", term: "stable region", text: "the region is longer than the view" }]
      : []),
  ];
}

function isCut(outline, half) {
  return outline.some((point) => point !== null && Math.max(...point.map(Math.abs)) > half);
}

/** The levels of KL: a patch of colour up to each. */
function drawPlaneKey(key, { levels }) {
  const last = BAND_POWERS[1];
  const powers = levels.bands
    .map(({ power }) => power)
    .filter((power) => power <= last + 1)
    .reverse();
  const patch = () => html("span", {}, html("i"), html("b"));
  each(
    key,
    ["KL / ε", ...powers],
    (item) => (typeof item === "string" ? html("span") : patch()),
    (node, item) => {
      if (typeof item === "string") return say(node, item);
      node.firstChild.style.background = bandColour(item);
      return say(node.lastChild, item > last ? "…" : (FRACTIONS[item] ?? String(2 ** item)));
    },
  );
}
