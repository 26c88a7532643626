// The frame of a figure: title, legend, axes and grid around a clipped plot, and the same data as a
// table behind it. Its width is the page's, its height fixed.

import { html, svg, set, say, each } from "./nodes.js";
import { tickText } from "./scales.js";

/** How much larger all is in large type. */
export const LARGE = 1.43;
/** Pixels of the smallest width that is drawn. */
const NARROWEST = 160;
let count = 0;

/**
 * @typedef {object} Size  of a figure and of its plot, in pixels
 * @property {number} width
 * @property {number} height
 * @property {number} left
 * @property {number} right
 * @property {number} top
 * @property {number} bottom
 * @property {number} scale  of letters and marks
 *
 * @typedef {{left: number, right: number, top: number, bottom: number}} Margin
 *
 * @typedef {object} Frame
 * @property {HTMLElement} node
 * @property {SVGElement} picture
 * @property {SVGElement} plot      clipped; its coordinates are those of the picture
 * @property {SVGElement} over      drawn over the plot, not clipped
 * @property {HTMLElement} tools    buttons beside the title
 * @property {HTMLElement} key      the legend
 * @property {(isLarge: boolean) => Size} size
 * @property {(text: string) => void} title
 * @property {(sentence: string) => void} describe  the alternative text
 * @property {(headings: string[], rows: () => string[][]) => void} table
 * @property {(axes: {x?: Axis, y?: Axis}, size: Size) => void} axes
 * @property {(note: string | null) => void} note   a sentence instead of the picture
 *
 * @typedef {object} Axis
 * @property {import("./scales.js").Scale} scale
 * @property {number[]} ticks
 * @property {string[]} [texts]  of the ticks
 * @property {string} [name]     of what an axis along the bottom counts
 */

/**
 * An empty figure.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {{name: string, testid: string, height: number, margin: Margin}} options
 * @returns {Frame}
 */
export function frame(instrument, { name, testid, height, margin }) {
  const alt = svg("desc", { id: `figure-${(count += 1)}` });
  const grid = svg("g", { class: "axis" });
  const plot = svg("svg", { class: "plot" });
  const over = svg("g");
  const role = { role: "group", "aria-label": name, "aria-describedby": alt.id };
  const picture = svg("svg", { class: "picture", ...role }, alt, grid, plot, over);
  const title = html("span", { class: "figure-title" });
  const data = behind(name);
  const tools = html("span", { class: "tools" }, data.button);
  const caption = html("figcaption", {}, title, tools);
  const key = html("div", { class: "legend" });
  const note = html("p", { class: "figure-note", hidden: true });
  const body = [caption, key, note, picture, data.table];
  const node = html("figure", { class: "figure", "data-testid": testid }, ...body);
  let width = 0;
  const observer = new ResizeObserver(([entry]) => {
    width = entry.contentRect.width;
    instrument.redraw();
  });
  observer.observe(node);

  function size(isLarge) {
    width ||= node.clientWidth;
    const scale = isLarge ? LARGE : 1;
    return sized(picture, plot, Math.max(width, NARROWEST * scale), height, margin, scale);
  }
  return {
    node, picture, plot, over, tools, key, size,
    title: (text) => say(title, text),
    describe: (sentence) => say(alt, sentence),
    table: data.draw,
    axes: axisDrawer(grid),
    note(sentence) {
      say(note, sentence ?? "");
      set(note, { hidden: sentence === null });
      for (const part of [key, picture]) part.toggleAttribute("hidden", sentence !== null);
    },
  };
}

/** Set the sizes of a picture and of its plot. */
function sized(picture, plot, width, height, margin, scale) {
  const full = Math.round(height * Math.sqrt(scale));
  const left = margin.left * scale;
  const right = width - margin.right * scale;
  const top = margin.top * scale;
  const bottom = full - margin.bottom * scale;
  set(picture, { width, height: full, viewBox: `0 0 ${width} ${full}` });
  const inner = { x: left, y: top, width: right - left, height: bottom - top };
  set(plot, { ...inner, viewBox: `${left} ${top} ${inner.width} ${inner.height}` });
  return { width, height: full, left, right, top, bottom, scale };
}

/** Lines and numbers of the two axes, changed in place. */
function axisDrawer(grid) {
  const lines = svg("g", { class: "grid" });
  const texts = svg("g", { class: "ticks" });
  const name = svg("text", { class: "axis-name", "text-anchor": "end" });
  grid.append(lines, texts, name);
  return ({ x, y }, { left, right, top, bottom, scale }) => {
    const across = ticksOf(y, (at) => ({
      line: { x1: left, x2: right, y1: at, y2: at },
      text: { x: left - 8 * scale, y: at, "text-anchor": "end", "dominant-baseline": "central" },
    }));
    const along = ticksOf(x, (at) => ({
      line: { x1: at, x2: at, y1: top, y2: bottom },
      text: { x: at, y: bottom + 15 * scale, "text-anchor": "middle", "dominant-baseline": null },
    }));
    const marks = [...across, ...along];
    each(lines, marks, () => svg("line"), (node, { line }) => set(node, line));
    each(texts, marks, () => svg("text"), (node, { text, label }) => say(set(node, text), label));
    say(set(name, { x: left - 8 * scale, y: bottom + 15 * scale }), x?.name ?? "");
  };
}

function ticksOf(axis, place) {
  const { scale, ticks, texts } = axis ?? { ticks: [] };
  return ticks.map((value, i) => ({ ...place(scale.at(value)), label: texts?.[i] ?? tickText(value) }));
}

/**
 * A table of a figure's data, filled when it is unfolded.
 * @param {string} name  of the figure
 */
export function behind(name) {
  const head = html("tr");
  const body = html("tbody");
  const caption = html("caption", {}, name);
  const sheet = html("table", {}, caption, html("thead", {}, head), body);
  const label = { "aria-label": `Data: ${name}` };
  const region = { class: "table", hidden: true, tabindex: 0, role: "region", ...label };
  const table = html("div", region, sheet);
  const folded = { type: "button", class: "plain", "aria-expanded": "false", ...label };
  const button = html("button", folded, "data");
  let content = [[], () => []];

  function fill() {
    const [headings, rows] = content;
    each(head, headings, () => html("th", { scope: "col" }), say);
    each(body, rows(), () => html("tr"), (row, cells) => each(row, cells, () => html("td"), say));
  }
  set(button, {
    onclick() {
      const isOpen = table.hidden;
      table.hidden = !isOpen;
      set(button, { "aria-expanded": String(isOpen) });
      if (isOpen) fill();
    },
  });
  return {
    button,
    table,
    draw(headings, rows) {
      content = [headings, rows];
      if (!table.hidden) fill();
    },
  };
}
