// What the instrument is about, in two sentences and one small drawing that follows the hand: a vector,
// the logits that are read from it, and the probabilities.

import { digits, length } from "./format.js";
import { word } from "./glossary.js";
import { atHand } from "./model.js";
import { shortName } from "./labels.js";
import { each, html, say, set, svg } from "./nodes.js";

/** Where it is kept whether a person has folded this away. */
const ABOUT_FOLDED = "stability.about.folded";
/** Pixels of a screen on which it would push the pictures out of sight: it begins folded. */
const SHORT_SCREEN = "(max-height: 800px) and (min-width: 861px)";
/** A vector has hundreds of numbers; so many are drawn, and their way along the direction. */
const ABOUT_VECTOR = [0.5, -0.8, 0.3, 0.9, -0.4, 0.6, -0.7, 0.2];
const ABOUT_PUSH = [0.35, 0.5, -0.45, -0.3, 0.55, 0.25, 0.4, -0.5];
const ABOUT_TOKENS = 4;
/** Letters of a token's name. */
const ABOUT_NAME = 10;
/** Nats below the largest logit at which a bar ends. */
const LOGIT_DEPTH = 8;
const ABOUT_BAR = 70;
const ABOUT_ROW = 18;

/**
 * The part that says what is shown.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function about(instrument) {
  const text = html(
    "p",
    {},
    "The model turns a text into a ",
    word(instrument, "vector"),
    ", a long list of numbers, and reads from it a probability for every possible next ",
    word(instrument, "token"),
    ". Push the vector in some ",
    word(instrument, "direction"),
    ": how far can it go before the prediction changes, and does the ",
    word(instrument, "closed form", "formula"),
    " know?",
  );
  const drawing = aboutDrawing();
  const node = html(
    "details",
    { class: "about" },
    html("summary", {}, "What is pushed, and what is asked"),
    html("div", { class: "about-body" }, text, drawing.node),
  );
  node.open = !isFolded();
  node.addEventListener("toggle", () => {
    keepFolded(!node.open);
    instrument.redraw();
  });
  return { node, draw: (model) => node.open && drawAbout(drawing, model) };
}

/** As a person has left it; a browser may keep nothing for a page. */
function isFolded() {
  const isShort = matchMedia(SHORT_SCREEN).matches;
  try {
    const kept = localStorage.getItem(ABOUT_FOLDED);
    return kept === null ? isShort : kept === "1";
  } catch {
    return isShort;
  }
}

function keepFolded(isClosed) {
  try {
    localStorage.setItem(ABOUT_FOLDED, isClosed ? "1" : "0");
  } catch {
    // it is as on a first visit the next time
  }
}

function aboutDrawing() {
  const group = (x, title) => {
    const bars = svg("g", { transform: "translate(0,22)" });
    const heading = svg("text", { y: 10, class: "about-heading" }, title);
    return { bars, heading, node: svg("g", { transform: `translate(${x},0)` }, heading, bars) };
  };
  const parts = {
    vector: group(6, "vector"),
    logits: group(150, "logits"),
    probabilities: group(286, "probabilities"),
  };
  const arrow = (x) => svg("path", { d: `M${x},58h22m-6,-4l6,4l-6,4`, class: "about-arrow" });
  const push = svg("g", { class: "about-push" }, svg("path"), svg("text", { y: 104 }));
  const node = svg(
    "svg",
    { class: "about-drawing", viewBox: "0 0 460 106", role: "img" },
    ...Object.values(parts).map((part) => part.node),
    arrow(104),
    arrow(244),
    push,
  );
  return { node, push, ...parts };
}

function drawAbout({ node, push, vector, logits, probabilities }, model) {
  const { scene, view, unit } = model;
  const hand = atHand(model);
  const size = hand ? Math.hypot(...hand.where.point) : 0;
  // a push to the boundary moves the drawn numbers visibly, a longer one no further than there is room
  const amount = model.predicted ? Math.tanh((0.5 * (view.point ? size : view.t)) / model.predicted) : 0;
  drawVector(vector.bars, amount);
  drawPush(push, amount, length(view.point ? size : view.t, unit));
  const rows = aboutTokens(scene, hand, size);
  const most = Math.max(...rows.map(({ p }) => Math.log(p)));
  drawTokenBars(
    logits.bars,
    rows,
    model,
    ({ p }) => 1 + Math.max(-1, (Math.log(p) - most) / LOGIT_DEPTH),
    () => "",
  );
  drawTokenBars(
    probabilities.bars,
    rows,
    model,
    ({ p }) => p,
    ({ text, p }) => `${shortName(text, ABOUT_NAME)} ${digits(100 * p)} %`,
  );
  set(node, {
    "aria-label": `A vector, pushed by ${length(size, unit)}, gives logits, and these the probabilities ${rows.map(({ text, p }) => `${text} ${digits(100 * p)} %`).join(", ")}.`,
  });
}

/** The likeliest tokens of the state whose probability is known where the hand is. */
function aboutTokens({ next }, hand, size) {
  const at = (id) => hand?.probabilities?.[hand.ids.indexOf(id)];
  const rows = next.map(({ id, text, probability }) => ({
    id,
    text,
    p: size === 0 ? probability : at(id),
  }));
  return rows.filter(({ p }) => p > 0).slice(0, ABOUT_TOKENS);
}

/** The arrow of the push under the vector, to the side of its sign. */
function drawPush(push, amount, label) {
  const end = 40 + 34 * amount;
  const head = amount > 0 ? "m-5,-4l5,4l-5,4" : "m5,-4l-5,4l5,4";
  set(push.firstChild, { d: `M40,100H${end.toFixed(1)}${head}` });
  set(push, { visibility: amount ? "visible" : "hidden" });
  say(set(push.lastChild, { x: 80 }), `push ${label}`);
}

function drawVector(bars, amount) {
  each(
    bars,
    ABOUT_VECTOR,
    () => svg("rect", { height: 6, class: "about-number" }),
    (bar, value, i) => {
      const pushed = 34 * (value + amount * ABOUT_PUSH[i]);
      set(bar, { x: (34 + Math.min(0, pushed)).toFixed(1), y: 9 * i, width: Math.abs(pushed).toFixed(1) });
    },
  );
}

function drawTokenBars(bars, rows, { colour }, share, label) {
  const make = () => svg("g", {}, svg("rect", { height: 12, rx: 2 }), svg("text", { y: 10.5 }));
  each(bars, rows, make, (node, row, i) => {
    const width = Math.max(1, ABOUT_BAR * share(row));
    set(node, { transform: `translate(0,${ABOUT_ROW * i})` });
    set(node.firstChild, { width: width.toFixed(1), fill: colour(row.id) });
    say(set(node.lastChild, { x: (width + 5).toFixed(1) }), label(row));
  });
}
