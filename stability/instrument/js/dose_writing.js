// What the model writes at four doses, side by side: each token coloured by how much the vector has changed
// the choice of it, and the first that differs marked.

import { klShare } from "./dose_law.js";
import { klBar, shadeStyle } from "./dose_text.js";
import { choice } from "./dose_controls.js";
import { STATISTICS } from "./dose_view.js";
import { signedText } from "./dose_words.js";
import { digits } from "./format.js";
import { behind } from "./frame.js";
import { each, html, say, set } from "./nodes.js";
import { watch } from "./watch.js";

const NAME = "What the model writes";
const HEADINGS = ["coefficient", "step", "token", "KL (nats)"];

/**
 * The texts.
 * @param {import("./instrument.js").Instrument} sheet
 * @returns {import("./instrument.js").Part}
 */
export function doseWriting(sheet) {
  const data = behind(NAME);
  const side = choice(sheet, "side", "Side of the coefficients", [1, -1], (sign) => (sign > 0 ? "+ side" : "− side"));
  const title = html("span", { class: "figure-title" }, NAME);
  const caption = html("figcaption", {}, title, side.node, html("span", { class: "tools" }, data.button));
  const note = html("p", { class: "figure-note" });
  const texts = html("div", { class: "written" });
  const foot = html("div", { class: "row" }, note, klBar());
  const node = html("figure", { class: "figure", "data-testid": "figure-writing" }, caption, texts, foot, data.table);
  const isNew = watch();
  return {
    node,
    draw({ scene, view }) {
      side.draw(view);
      const { written, written_note: failed } = scene;
      if (!isNew(written, failed, view.statistic, view.side)) return;
      const isCurrent = written && written.statistic === view.statistic && written.sign === view.side;
      say(note, failed ?? (written ? noteText(written, isCurrent) : "The texts are being written."));
      set(texts, { "data-old": Boolean(written) && !isCurrent });
      each(texts, written?.texts ?? [], makeText, drawText);
      data.draw(HEADINGS, () => (written?.texts ?? []).flatMap(rowsOf));
    },
  };
}

function noteText({ statistic }, isCurrent) {
  const coefficients = `c(ε) is the predicted dose at ε nats (${STATISTICS[statistic]}).`;
  const old = isCurrent ? "" : " The texts for this choice are being written.";
  return `Greedy. Each token is coloured by the KL between what the model alone would predict after the same text and what it predicts steered. ${coefficients}${old}`;
}

function makeText(_, index) {
  return html("section", { "data-testid": `written-${index}` }, html("h3"), html("p", { class: "written-text" }), html("p", { class: "quiet" }));
}

function drawText(node, { name, coefficient, tokens, first_difference: first }) {
  const [heading, text, foot] = node.children;
  say(heading, coefficient ? `${name} = ${signedText(coefficient)}` : "without it");
  each(text, tokens, () => html("span"), (token, { text: spelled, kl }, index) => {
    const isFirst = index === first;
    set(token, {
      class: isFirst ? "written-token first-difference" : "written-token",
      style: shadeStyle(klShare(kl)),
      title: `${digits(kl)} nats${isFirst ? ", the first token that differs" : ""}`,
    });
    // as running text, in which a space is a space
    say(token, spelled.replaceAll("␣", " "));
  });
  const most = Math.max(...tokens.map(({ kl }) => kl));
  const differs = first === null ? "the same text" : `differs from token ${first + 1} on`;
  say(foot, coefficient ? `${differs}; at most ${digits(most)} nats` : "as the model writes it");
}

function rowsOf({ coefficient, tokens }) {
  return tokens.map(({ text, kl }, step) => [signedText(coefficient), String(step + 1), text, digits(kl)]);
}
