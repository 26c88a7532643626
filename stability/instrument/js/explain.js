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
  const id = `card-${(cards += 1)}`;
  const node = html("div", { class: "card", id, role: "tooltip", popover: "manual" });
  const isOpen = () => node.matches(":popover-open");
  let of = null;

  function open(word, text) {
    if (!node.isConnected) (root.querySelector(".instrument") ?? root).append(node);
    if (of !== word) close();
    of = word;
    say(node, text());
    set(word, { "aria-describedby": id });
    if (!isOpen()) node.showPopover();
    placeCard(node, word);
  }

  function close() {
    if (!of) return;
    set(of, { "aria-describedby": null });
    of = null;
    if (isOpen()) node.hidePopover();
  }

  return {
    attach(word, text) {
      const show = () => open(word, text);
      const hide = () => of === word && close();
      word.addEventListener("focus", show);
      word.addEventListener("click", show);
      word.addEventListener("blur", hide);
      word.addEventListener("keydown", (event) => {
        const acts = { Enter: show, " ": show, Escape: of === word ? hide : null };
        if (!acts[event.key]) return;
        acts[event.key]();
        event.preventDefault();
        event.stopPropagation();
      });
      explainAtRest(word, show, hide);
    },
  };
}

/** Open when a mouse rests on a word, and close when it leaves, unless the word has the focus. */
function explainAtRest(word, open, close) {
  let rest = 0;
  word.addEventListener("pointerenter", (event) => {
    clearTimeout(rest);
    if (event.pointerType === "mouse") rest = setTimeout(open, HOVER_REST);
  });
  word.addEventListener("pointerleave", () => {
    clearTimeout(rest);
    if (word.getRootNode().activeElement !== word) close();
  });
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
