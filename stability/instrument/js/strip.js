// The token strip: every token of the prompt a chip, coloured by its shortest predicted radius at ε; one
// is chosen by a tap or an arrow key. A line beneath tells of the token under the hand. Radii are those of
// the vectors at the readout, whatever the site that is pushed.

import { html, set, say, each } from "./nodes.js";
import { cividis } from "./cividis.js";
import { digits, unitOf } from "./format.js";
import { shortName } from "./labels.js";
import { onKeys } from "./drag.js";
import { linearTicks } from "./scales.js";
import { wholeText } from "./bytes.js";
import { watch } from "./watch.js";

/** From here on cividis is light enough for black letters. */
export const LIGHT = 0.47;
/** Written by a chat's template, and nobody's words. */
const TEMPLATE = "template";
const LONGEST_NAME = 60;
/** Pixels around the chosen chip. */
const OUTLINE = 2;
/** Why a token has no radius, as stability/instrument/parts.py says. */
const WITHOUT_RADIUS = { pending: "being computed", flat: "none, without curvature", unknown: "not known" };
/** The site at which the radii of all tokens are known. */
const READOUT = "prelogit";

/**
 * The strip.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function strip(instrument) {
  const chips = html("div", { class: "chips", role: "group", "aria-label": "Tokens of the prompt" });
  const told = html("p", { class: "told" });
  const bar = colourBar();
  const foot = html("div", { class: "row" }, told, bar.node);
  const node = html("section", { class: "strip", "aria-label": "Token strip" }, chips, foot);
  let model = null;
  let pointed = null;
  const tell = () => say(told, description(model, pointed ?? model.scene.setting.position));
  watchChips(chips);
  choosableChips(chips, (chip) => {
    instrument.send({ kind: "position", position: model.scene.tokens[chipIndex(chip)].index });
  });
  pointedChip(chips, (index) => {
    pointed = index;
    tell();
  });
  const [isOther, isNew] = [watch(), watch()];
  return {
    node,
    draw(now) {
      model = now;
      if (isOther(model.scene, model.view.relative)) drawChips(chips, model);
      if (!isNew(model.scene, model.view.epsilon, model.view.relative)) return;
      bar.draw(model);
      tell();
    },
  };
}

export function chipIndex(node) {
  const chip = node.closest("button");
  return chip ? [...chip.parentElement.children].indexOf(chip) : -1;
}

/** Let a click and the arrow keys choose a chip, which has the focus then. */
export function choosableChips(chips, tell) {
  const choose = (index) => {
    const chip = chips.children[Math.min(Math.max(index, 0), chips.children.length - 1)];
    chip.focus();
    tell(chip);
  };
  chips.addEventListener("click", ({ target }) => target !== chips && choose(chipIndex(target)));
  onKeys(chips, {
    ArrowLeft: ({ target }) => choose(chipIndex(target) - 1),
    ArrowRight: ({ target }) => choose(chipIndex(target) + 1),
    Home: () => choose(0),
    End: () => choose(Infinity),
  });
}

/** Follow the chip under the pointer, or else the one that has the focus. */
export function pointedChip(chips, tell) {
  const at = (node) => {
    const index = node ? chipIndex(node) : -1;
    tell(index < 0 ? null : index);
  };
  for (const kind of ["pointerover", "focusin"]) chips.addEventListener(kind, ({ target }) => at(target));
  for (const kind of ["pointerleave", "focusout"]) {
    chips.addEventListener(kind, () => at(chips.querySelector(":focus-visible")));
  }
}

function drawChips(chips, { scene, view }) {
  const { tokens, setting } = scene;
  const shades = shadesOf(tokens.map((token) => shownRadius(token, scene, view)));
  chips.classList.toggle("roles", tokens.some(({ role }) => role && role !== TEMPLATE));
  each(chips, tokens, makeChip, (chip, token, index) => {
    const role = roleOf(token);
    const isChosen = token.index === setting.position;
    const shade = shades[index];
    set(chip, {
      class: token.special ? "chip special" : "chip",
      // a name above the first token of each turn, a line beneath all of them
      "data-role": role,
      "data-starts": index && roleOf(tokens[index - 1]) === role ? "" : role,
      "aria-pressed": String(isChosen),
      tabindex: isChosen ? 0 : -1,
      style: shade === null ? null : `background: ${cividis(shade)}; color: ${shade >= LIGHT ? "#000" : "#fff"}`,
    });
    say(chip.firstChild, token.text);
  });
  const chosen = [...chips.children].find((chip) => chip.tabIndex === 0);
  if (chosen) reveal(chips, chosen);
}

/** Keep the chosen chip in view where the chips break into other lines: at another width, in another font. */
function watchChips(chips) {
  const look = () => {
    const chosen = chips.querySelector('[tabindex="0"]');
    if (chosen) reveal(chips, chosen);
  };
  new ResizeObserver(look).observe(chips);
  document.fonts.ready.then(look);
}

function makeChip(_, index) {
  return html("button", { type: "button", "data-testid": `token-${index}` }, html("bdi"));
}

/** Scroll the chips, and never the page, to the whole of the chosen one and its outline. */
function reveal(chips, chosen) {
  const [box, chip] = [chips, chosen].map((node) => node.getBoundingClientRect());
  const isWhole = chip.top >= box.top + OUTLINE && chip.bottom <= box.bottom - OUTLINE;
  if (!isWhole) chips.scrollTop += (chip.top + chip.bottom - box.top - box.bottom) / 2;
}

function roleOf({ role }) {
  return role && role !== TEMPLATE ? role : "";
}

/** Radii on a log scale from 0 (shortest) to 1; null where one is not known yet. */
function shadesOf(all) {
  const logs = all.filter((radius) => radius > 0).map(Math.log);
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  return all.map((radius) => (radius === null ? null : (Math.log(radius) - low) / (high - low || 1)));
}

/** The main numbers of a token, and what its bytes are a part of. */
function description(model, index) {
  const { scene } = model;
  const token = scene.tokens[index];
  if (!token) return "";
  const name = shortName(token.text, LONGEST_NAME);
  const whole = wholeText(scene.tokens.map(({ text }) => text), index);
  return [
    `${name}${whole ? `, part of ${whole}` : ""}: position ${token.index}, id ${token.id}`,
    token.special && "special token",
    roleOf(token),
    `shortest predicted radius${atReadout(scene)} ${radiusText(token, model)}`,
    token.entropy !== null && `entropy ${digits(token.entropy)} nats`,
  ].filter(Boolean).join(" · ");
}

/** The predicted radius of a token at ε, in coordinates or hundredths of its own vector's norm. */
function shownRadius({ radius, norm }, { setting }, { epsilon, relative }) {
  const unit = unitOf(norm ?? setting.norm, relative);
  return radius === null ? null : (radius * Math.sqrt(epsilon)) / unit.length;
}

function radiusText(token, { scene, view, unit }) {
  if (token.radius === null) return WITHOUT_RADIUS[token.no_radius ?? "pending"];
  return digits(shownRadius(token, scene, view)) + unit.symbol;
}

function atReadout({ setting }) {
  return setting.site === READOUT ? "" : " at the readout";
}

/** The colour bar of the radii: its ends in the unit in which lengths are read. */
function colourBar() {
  const stops = linearTicks([0, 1], 10).map(cividis);
  const [low, high] = [html("span"), html("span")];
  const shades = html("i", { style: `background: linear-gradient(90deg, ${stops.join(", ")})` });
  const node = html("p", { class: "colour-bar" }, low, shades, high);
  return {
    node,
    draw({ scene, view, unit }) {
      const known = scene.tokens.map((token) => shownRadius(token, scene, view)).filter((one) => one !== null);
      set(node, { hidden: known.length === 0 });
      const at = (radius) => digits(radius) + unit.symbol;
      say(low, `radius${atReadout(scene)}: short ${at(Math.min(...known))}`);
      say(high, `${at(Math.max(...known))} long`);
    },
  };
}
