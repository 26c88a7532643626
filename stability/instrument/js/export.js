// A figure as a file of its own: one SVG of its title, its key and its picture, in the light colours and
// with its style written into each node; and the picture of that.

import { html, set, svg } from "./nodes.js";

/** What a file must say of each node, as there is no style sheet beside it. */
const STYLES = [
  ...["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray"],
  ...["stroke-linecap", "stroke-linejoin", "opacity", "visibility", "paint-order"],
  ...["font-family", "font-size", "font-weight", "font-style", "font-variant-numeric"],
  ...["letter-spacing", "text-anchor", "dominant-baseline", "overflow"],
];
/** Of use on a page only. */
const OF_A_PAGE = /^(?:on|data-|aria-|class$|style$|tabindex$|role$)/;
const CONTROLS = "button:not(.word), select, input, label, table, details, [role=slider]:not(g, circle, line, path)";
/** The page's own, then those of nearly its widths. */
const FONTS =
  "'Source Sans 3', 'Source Sans Pro', 'Source Sans', Calibri, Carlito, 'Segoe UI', 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif";
/** Pixels around all that is drawn. */
const MARGIN = 12;
/** How a text of another font is made as wide as it was. */
const FITTED = "spacingAndGlyphs";

/**
 * A figure as the text of a stand-alone SVG file.
 * @param {HTMLElement} figure   as it stands on the page
 * @param {{title: string, description: string}} said
 * @returns {string}
 */
export function standalone(figure, { title, description }) {
  const stage = html("div", { class: "light-stage", style: `width: ${figure.clientWidth}px` });
  const copy = figure.cloneNode(true);
  stage.append(copy);
  figure.parentElement.append(stage);
  const box = copy.getBoundingClientRect();
  const [width, height] = [box.width + 2 * MARGIN, box.height + 2 * MARGIN].map(Math.ceil);
  const size = { width, height, viewBox: `${-MARGIN} ${-MARGIN} ${width} ${height}` };
  const ground = { x: -MARGIN, y: -MARGIN, width, height, fill: "#ffffff" };
  const file = svg("svg", { ...size, role: "img" }, svg("title", {}, title), svg("desc", {}, description), svg("rect", ground));
  flatten(copy, box, file);
  stage.remove();
  return new XMLSerializer().serializeToString(file);
}

/** Draw what a node of the page shows where it shows it. */
function flatten(node, box, file) {
  if (node.nodeType === Node.TEXT_NODE) return flattenText(node, box, file);
  if (node.nodeType !== Node.ELEMENT_NODE || node.matches(CONTROLS)) return undefined;
  const style = getComputedStyle(node);
  if (style.display === "none" || style.visibility === "hidden") return undefined;
  const { left, top, width, height } = node.getBoundingClientRect();
  const [x, y] = [left - box.left, top - box.top];
  if (node instanceof SVGElement) {
    for (const hidden of resolveStyles(node)) hidden.remove();
    file.append(setPlace(node.cloneNode(true), x, y));
    return undefined;
  }
  drawBox(style, { x, y, width, height }, file);
  for (const child of [...node.childNodes]) flatten(child, box, file);
  return undefined;
}

/** Ground and border of a node; a border on top alone is a line, as in a key. */
function drawBox(style, place, file) {
  const rx = Math.min(parseFloat(style.borderTopLeftRadius) || 0, place.height / 2);
  if (isSeen(style.backgroundColor)) file.append(svg("rect", { ...place, rx, fill: style.backgroundColor }));
  const [top, bottom] = [style.borderTopWidth, style.borderBottomWidth].map(parseFloat);
  if (!top || !isSeen(style.borderTopColor)) return;
  const dashes = { dashed: "5 3", dotted: "1.5 2.5" }[style.borderTopStyle];
  const stroke = { stroke: style.borderTopColor, "stroke-width": top, "stroke-dasharray": dashes };
  const { x, y, width } = place;
  file.append(
    bottom
      ? svg("rect", { ...place, rx, fill: "none", ...stroke })
      : svg("line", { x1: x, x2: x + width, y1: y + top / 2, y2: y + top / 2, ...stroke }),
  );
}

function isSeen(colour) {
  return !/^(?:transparent|rgba\(.*, 0\))$/.test(colour);
}

function setPlace(copy, x, y) {
  copy.setAttribute("x", x);
  copy.setAttribute("y", y);
  return copy;
}

/** A text, a line of the page as a line of the file. */
function flattenText(node, box, file) {
  const style = getComputedStyle(node.parentElement);
  const lines = [];
  for (const { index, 0: word } of node.data.matchAll(/\S+/g)) {
    const range = document.createRange();
    range.setStart(node, index);
    range.setEnd(node, index + word.length);
    const rect = range.getBoundingClientRect();
    if (!rect.width) continue;
    const last = lines.at(-1);
    if (last && Math.abs(last.rect.top - rect.top) < 2) {
      last.words.push(word);
      last.right = rect.right;
    } else lines.push({ rect, words: [word], right: rect.right });
  }
  for (const { rect, words, right } of lines) {
    const place = { x: rect.left - box.left, y: (rect.top + rect.bottom) / 2 - box.top };
    const width = { textLength: (right - rect.left).toFixed(1), lengthAdjust: FITTED };
    const look = `font: ${style.fontWeight} ${style.fontSize} ${FONTS}; fill: ${style.color}`;
    file.append(svg("text", { ...place, ...width, "dominant-baseline": "central", style: look }, words.join(" ")));
  }
}

/** Write the style that a node has into it, where it differs from its parent's. */
function resolveStyles(node, inherited = {}) {
  const computed = getComputedStyle(node);
  if (computed.display === "none") return [node];
  const style = Object.fromEntries(STYLES.map((name) => [name, computed.getPropertyValue(name)]));
  style["font-family"] = FONTS;
  // rules for children may name this node's class or its place: they are read before anything changes
  const hidden = [...node.children].flatMap((child) => resolveStyles(child, style));
  // these are not handed down to children
  const before = { ...inherited, opacity: "1", overflow: "visible" };
  for (const { name } of [...node.attributes]) {
    if (OF_A_PAGE.test(name) || STYLES.includes(name)) node.removeAttribute(name);
  }
  if (node instanceof SVGTextElement) keepWidth(node);
  const own = STYLES.filter((name) => style[name] !== before[name]);
  const written = own.map((name) => `${name}: ${style[name].replaceAll('"', "'")}`);
  if (own.length) node.setAttribute("style", written.join("; "));
  return hidden;
}

/** Wherever it is opened, a text is as wide as here, so that it overlaps nothing. */
function keepWidth(text) {
  const width = text.getComputedTextLength();
  if (width > 0) set(text, { textLength: width.toFixed(1), lengthAdjust: FITTED });
}

/**
 * The picture of a figure.
 * @param {string} text  of a stand-alone SVG file
 * @param {number} scale  pixels of the picture for one of the screen
 * @returns {Promise<Blob>}
 */
export async function picture(text, scale) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done, failed) => {
    const taken = (blob) => (blob ? done(blob) : failed(new Error("The browser made no picture.")));
    canvas.toBlob(taken, "image/png");
  });
}
