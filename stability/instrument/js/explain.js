// Explanations where the words stand: a small card that opens by hover, focus or touch, and closes by
// Escape, by leaving, or by a press elsewhere. There is one card, which moves to the word.

import { html, say, set } from "./nodes.js";

/** Milliseconds that the hand rests on a word before its card opens. */
const HOVER_REST = 250;
/** Pixels between a word and its card, and between the card and the edge of the window. */
const CARD_GAP = 6;

let cards = 0;

/**
 * @typedef {object} Explainer
 * @property {HTMLElement} node  the card; belongs somewhere in the instrument
 * @property {(word: HTMLElement, text: () => string) => void} attach  explain a word, a button
 */

const explainers = new WeakMap();

/**
 * The explainer of an instrument.
 * @param {HTMLElement} root
 * @returns {Explainer}
 */
export function explainer(root) {
  if (!explainers.has(root)) explainers.set(root, makeExplainer(root));
  return explainers.get(root);
}

function makeExplainer(root) {
  const node = html("div", { class: "card", id: `card-${(cards += 1)}`, role: "tooltip", popover: "manual" });
  let of = null;
  let rest = 0;

  function open(word, text) {
    clearTimeout(rest);
    if (!node.isConnected) (root.querySelector(".instrument") ?? root).append(node);
    if (of && of !== word) set(of, { "aria-describedby": null });
    of = word;
    say(node, text());
    set(word, { "aria-describedby": node.id });
    node.showPopover();
    placeCard(node, word);
  }

  function close(word) {
    clearTimeout(rest);
    if (of !== word) return;
    set(word, { "aria-describedby": null });
    of = null;
    if (node.isConnected && node.matches(":popover-open")) node.hidePopover();
  }

  return {
    node,
    attach(word, text) {
      word.addEventListener("focus", () => open(word, text));
      word.addEventListener("blur", () => close(word));
      word.addEventListener("click", () => open(word, text));
      word.addEventListener("pointerenter", (event) => {
        clearTimeout(rest);
        if (event.pointerType === "mouse") rest = setTimeout(() => open(word, text), HOVER_REST);
      });
      word.addEventListener("pointerleave", () => {
        clearTimeout(rest);
        if (word.getRootNode().activeElement !== word) close(word);
      });
      word.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") open(word, text);
        else if (event.key === "Escape" && of === word) close(word);
        else return;
        event.preventDefault();
        event.stopPropagation();
      });
    },
  };
}

/** Put a card under its word, or above it where there is no room below. */
function placeCard(card, word) {
  const [at, size] = [word.getBoundingClientRect(), card.getBoundingClientRect()];
  const widest = document.documentElement.clientWidth - size.width - CARD_GAP;
  const left = Math.max(CARD_GAP, Math.min(at.left, widest));
  const below = at.bottom + CARD_GAP;
  const fits = below + size.height <= document.documentElement.clientHeight;
  const top = fits ? below : Math.max(CARD_GAP, at.top - size.height - CARD_GAP);
  Object.assign(card.style, { left: `${left}px`, top: `${top}px` });
}
