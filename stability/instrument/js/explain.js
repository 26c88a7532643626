// Explanations where the words stand: a small card that opens by hover, focus or touch, and closes by
// Escape, by leaving both, or by a press elsewhere. There is one card, which moves to the word. The words of
// a part are one stop of the Tab key; arrow keys go from one to the next.

import { html, say, set } from "./nodes.js";

/** Milliseconds that the hand rests on a word before its card opens, and has to reach the card. */
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
  let rest = 0;
  const later = (act) => {
    clearTimeout(rest);
    rest = setTimeout(act, HOVER_REST);
  };
  node.addEventListener("pointerenter", () => clearTimeout(rest));
  node.addEventListener("pointerleave", () => later(leave));

  /** Close when the hand has left, unless the word has the focus. */
  function leave() {
    if (of && of.getRootNode().activeElement !== of) close();
  }

  function open(word, text) {
    if (!node.isConnected) (root.querySelector(".instrument") ?? root).append(node);
    if (of !== word) close();
    of = word;
    say(node, text());
    set(word, { "aria-describedby": id, "aria-expanded": "true" });
    if (!isOpen()) node.showPopover();
    placeCard(node, word);
  }

  function close() {
    if (!of) return;
    set(of, { "aria-describedby": null, "aria-expanded": "false" });
    of = null;
    if (isOpen()) node.hidePopover();
  }

  return {
    attach(word, text) {
      const show = () => {
        clearTimeout(rest);
        open(word, text);
      };
      const hide = () => of === word && close();
      set(word, { "aria-expanded": "false" });
      word.addEventListener("focus", () => {
        takeStop(word);
        show();
      });
      word.addEventListener("click", show);
      word.addEventListener("blur", hide);
      word.addEventListener("keydown", (event) => {
        const acts = { Enter: show, " ": show, Escape: of === word ? hide : null, ...stepsFrom(word) };
        if (!acts[event.key]) return;
        acts[event.key]();
        event.preventDefault();
        event.stopPropagation();
      });
      word.addEventListener("pointerenter", ({ pointerType }) => pointerType === "mouse" && later(show));
      word.addEventListener("pointerleave", () => later(leave));
    },
  };
}

/**
 * Let the Tab key reach one of a part's words, the one that had the focus last.
 * @param {Element} part
 */
export function keepStop(part) {
  if (part.querySelector('.word[tabindex="0"]')) return;
  const [first] = part.getElementsByClassName("word");
  if (first) set(first, { tabindex: 0 });
}

function wordsBeside(word) {
  return [...word.closest("[data-area]").getElementsByClassName("word")].filter((one) => one.getClientRects().length);
}

function takeStop(word) {
  for (const one of wordsBeside(word)) set(one, { tabindex: one === word ? 0 : -1 });
}

/** What the arrow keys do on a word. */
function stepsFrom(word) {
  const by = (steps) => () => {
    const words = wordsBeside(word);
    words[Math.min(Math.max(words.indexOf(word) + steps, 0), words.length - 1)].focus();
  };
  return { ArrowLeft: by(-1), ArrowUp: by(-1), ArrowRight: by(1), ArrowDown: by(1) };
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
