// The token strip: every token of the prompt a chip, coloured by its shortest predicted radius at ε; one
// is chosen by a tap or an arrow key. A line beneath tells of the token under the hand.

import { html, set, say, each } from "./nodes.js";
import { cividis } from "./cividis.js";
import { digits, length } from "./format.js";
import { shortName } from "./labels.js";
import { onKeys } from "./drag.js";
import { linearTicks } from "./scales.js";
import { wholeText } from "./bytes.js";
import { watch } from "./watch.js";

/** From here on cividis is light enough for black letters. */
const LIGHT = 0.47;
/** Written by a chat's template, and nobody's words. */
const TEMPLATE = "template";
const LONGEST_NAME = 60;

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
      const { tokens, setting } = model.scene;
      if (isOther(model.scene)) drawChips(chips, tokens, setting.position);
      if (!isNew(model.scene, model.view.epsilon, model.view.relative)) return;
      bar.draw(radii(tokens).filter((radius) => radius !== null), model);
      tell();
    },
  };
}

function chipIndex(node) {
  const chip = node.closest("button");
  return chip ? [...chip.parentElement.children].indexOf(chip) : -1;
}

/** Let a click and the arrow keys choose a chip, which has the focus then. */
function choosableChips(chips, tell) {
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
function pointedChip(chips, tell) {
  const at = (node) => {
    const index = node ? chipIndex(node) : -1;
    tell(index < 0 ? null : index);
  };
  for (const kind of ["pointerover", "focusin"]) chips.addEventListener(kind, ({ target }) => at(target));
  for (const kind of ["pointerleave", "focusout"]) {
    chips.addEventListener(kind, () => at(chips.querySelector(":focus-visible")));
  }
}

function radii(tokens) {
  return tokens.map(({ radius }) => radius);
}

function drawChips(chips, tokens, position) {
  const shades = shadesOf(radii(tokens));
  chips.classList.toggle("roles", tokens.some(({ role }) => role && role !== TEMPLATE));
  each(chips, tokens, makeChip, (chip, token, index) => {
    const role = roleOf(token);
    const isChosen = token.index === position;
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

function makeChip(_, index) {
  return html("button", { type: "button", "data-testid": `token-${index}` }, html("bdi"));
}

/** Scroll the chips, and never the page, to the chosen one. */
function reveal(chips, chosen) {
  if (chips.scrollHeight <= chips.clientHeight) return;
  const above = chosen.offsetTop - chips.offsetTop - chips.scrollTop;
  if (above < 0 || above + chosen.offsetHeight > chips.clientHeight) {
    chips.scrollTop += above - chips.clientHeight / 2;
  }
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
function description({ scene, view, unit }, index) {
  const token = scene.tokens[index];
  if (!token) return "";
  const name = shortName(token.text, LONGEST_NAME);
  const whole = wholeText(scene.tokens.map(({ text }) => text), index);
  const radius = token.radius === null ? "being computed" : length(token.radius * Math.sqrt(view.epsilon), unit);
  return [
    `${name}${whole ? `, part of ${whole}` : ""}: position ${token.index}, id ${token.id}`,
    token.special && "special token",
    roleOf(token),
    `shortest predicted radius ${radius}`,
    token.entropy !== null && `entropy ${digits(token.entropy)} nats`,
  ].filter(Boolean).join(" · ");
}

/** The colour bar of the radii: its ends in the unit in which lengths are read. */
function colourBar() {
  const stops = linearTicks([0, 1], 10).map(cividis);
  const [low, high] = [html("span"), html("span")];
  const shades = html("i", { style: `background: linear-gradient(90deg, ${stops.join(", ")})` });
  const node = html("p", { class: "colour-bar" }, low, shades, high);
  return {
    node,
    draw(known, { view, unit }) {
      set(node, { hidden: known.length === 0 });
      const at = (radius) => length(radius * Math.sqrt(view.epsilon), unit);
      say(low, `radius: short ${at(Math.min(...known))}`);
      say(high, `${at(Math.max(...known))} long`);
    },
  };
}
