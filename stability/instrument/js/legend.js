// A legend: what each line, mark and colour of a figure is. Entries may be buttons.

import { html, svg, set, say, each } from "./nodes.js";

/**
 * @typedef {object} Entry
 * @property {string} text
 * @property {string} mark       class of the swatch: its colour and dash are those of the figure
 * @property {string} [colour]   of a filled swatch
 * @property {string} [dash]     of a line
 * @property {(() => void)} [toggle]
 * @property {boolean} [isPressed]
 */

/** The swatches: a line, or a mark in the middle of one. */
const SHAPES = {
  line: "M0 5H22",
  diamond: "M11 .5 15.5 5 11 9.5 6.5 5Z",
  circle: "M11 1a4 4 0 1 0 .01 0Z",
  triangle: "M11 1 15.5 9h-9Z",
  area: "M4 0h14v10H4Z",
};

/**
 * Draw the entries of a legend in place.
 * @param {HTMLElement} key
 * @param {Entry[]} entries
 */
export function legend(key, entries) {
  each(key, entries, makeEntry, (node, { text, mark, colour, dash, toggle, isPressed }) => {
    const [shape] = mark.split(" ");
    set(node, {
      class: toggle ? "entry choice" : "entry",
      role: toggle ? "button" : null,
      tabindex: toggle ? 0 : null,
      "aria-pressed": toggle ? String(Boolean(isPressed)) : null,
    });
    node.toggle = toggle;
    const [swatch, name] = node.children;
    set(swatch.firstChild, { d: SHAPES[shape], class: mark, style: colour ? `fill: ${colour}` : null });
    set(swatch.firstChild, { "stroke-dasharray": dash });
    say(name, text);
  });
}

function makeEntry() {
  const swatch = svg("svg", { width: 22, height: 10, viewBox: "0 0 22 10", "aria-hidden": "true" }, svg("path"));
  const node = html("span", { class: "entry" }, swatch, html("bdi"));
  set(node, {
    onclick: () => node.toggle?.(),
    onkeydown(event) {
      if (!node.toggle || !["Enter", " "].includes(event.key)) return;
      event.preventDefault();
      node.toggle();
    },
  });
  return node;
}
