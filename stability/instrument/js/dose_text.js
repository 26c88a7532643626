// The text, each token coloured by how far its prediction is changed at the coefficient: as predicted while
// the hand moves, in truth once the network has been run there.

import { cividis } from "./cividis.js";
import { klShare, KL_ENDS } from "./dose_law.js";
import { signedText } from "./dose_words.js";
import { digits } from "./format.js";
import { each, html, say, set } from "./nodes.js";
import { linearTicks } from "./scales.js";
import { chipIndex, choosableChips, LIGHT, pointedChip } from "./strip.js";
import { watch } from "./watch.js";

/**
 * The text.
 * @param {import("./instrument.js").Instrument} sheet
 * @returns {import("./instrument.js").Part}
 */
export function doseText(sheet) {
  const title = html("p", { class: "figure-title" });
  const chips = html("div", { class: "chips", role: "group", "aria-label": "Tokens of the text" });
  const told = html("p", { class: "told" });
  const foot = html("div", { class: "row" }, told, klBar());
  const node = html("section", { class: "strip", "aria-label": "The text" }, title, chips, foot);
  let model = null;
  let pointed = null;
  const tell = () => say(told, tokenText(model, pointed ?? model.position));
  choosableChips(chips, (chip) => sheet.change({ token: chipIndex(chip) }));
  pointedChip(chips, (index) => {
    pointed = index;
    tell();
  });
  const isNew = watch();
  return {
    node,
    draw(now) {
      model = now;
      if (!isNew(now.scene, now.c, now.kls, now.position)) return;
      say(title, titleText(now));
      drawChips(chips, now);
      tell();
    },
  };
}

function titleText({ c, kls }) {
  const kind = kls ? "true" : "predicted; true once the network has been run there";
  return `The text at c = ${signedText(c)}: each token by the KL of what follows it (${kind})`;
}

function drawChips(chips, { scene, predictedKls, kls, position }) {
  each(chips, scene.tokens, makeChip, (chip, token, index) => {
    const shade = klShare((kls ?? predictedKls)[index]);
    set(chip, {
      class: token.special ? "chip special" : "chip",
      "aria-pressed": String(index === position),
      tabindex: index === position ? 0 : -1,
      style: shadeStyle(shade),
    });
    say(chip.firstChild, token.text);
  });
}

/**
 * The colours of something that stands for a divergence.
 * @param {number} shade  from 0 to 1
 * @returns {string}
 */
export function shadeStyle(shade) {
  return `background: ${cividis(shade)}; color: ${shade >= LIGHT ? "#000" : "#fff"}`;
}

function makeChip(_, index) {
  return html("button", { type: "button", "data-testid": `dose-token-${index}` }, html("bdi"));
}

function tokenText({ scene, predictedKls, kls, pass }, index) {
  const token = scene.tokens[index];
  if (!token) return "";
  const leader = pass ? `most likely next ${pass.leading[index].text}` : null;
  return [
    `${token.text}: position ${token.index}`,
    `predicted ${digits(predictedKls[index])} nats`,
    kls && `true ${digits(kls[index])} nats`,
    leader,
  ].filter(Boolean).join(" · ");
}

/** The colour bar of divergences. */
export function klBar() {
  const stops = linearTicks([0, 1], 10).map(cividis);
  const shades = html("i", { style: `background: linear-gradient(90deg, ${stops.join(", ")})` });
  const [low, high] = KL_ENDS;
  return html("p", { class: "colour-bar" }, html("span", {}, `KL ${low}`), shades, html("span", {}, `${high} nats (log)`));
}
