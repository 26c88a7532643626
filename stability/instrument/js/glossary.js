// The words on the screen, explained to a student who meets them for the first time, where they stand
// and all together.

import { explainer } from "./explain.js";
import { html, say } from "./nodes.js";
import { GLOSSARY } from "./words.js";

const EXPLAINED = Object.assign({}, ...Object.values(GLOSSARY));

/**
 * The explanation of a word.
 * @param {string} term
 * @returns {string}
 */
export function explanation(term) {
  return EXPLAINED[term];
}

/**
 * A word that explains itself.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {string} term   as the glossary has it
 * @param {string} [shown]
 * @returns {HTMLElement}
 */
export function word(instrument, term, shown = term) {
  // no button element: a line of text breaks around those
  const node = html("span", { role: "button", tabindex: -1, class: "word", "data-term": term }, shown);
  explainer(instrument.root).attach(node, () => explanation(node.dataset.term));
  return node;
}

/** Explain another term by the same word. */
export function changeWord(node, term, shown) {
  node.dataset.term = term;
  say(node, shown);
}

/**
 * The part that lists all words, folded.
 * @returns {import("./instrument.js").Part}
 */
export function glossary() {
  const groups = Object.entries(GLOSSARY).map(([title, words]) =>
    html(
      "section",
      {},
      html("h3", {}, title),
      html(
        "dl",
        {},
        ...Object.entries(words).map(([term, text]) =>
          html("div", {}, html("dt", {}, term), html("dd", {}, text)),
        ),
      ),
    ),
  );
  const node = html(
    "details",
    { class: "glossary" },
    html("summary", {}, "What the words mean"),
    html("div", { class: "glossary-groups" }, ...groups),
  );
  return { node, draw: () => {} };
}
