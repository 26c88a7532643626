// A quiet row of tools: the link, the program and the command line of what is shown, and all that can be
// taken away.

import { copyText } from "./clipboard.js";
import { html, say, set } from "./nodes.js";
import { commandLine, pythonSnippet } from "./snippets.js";
import { takeawayMenu } from "./takeaway_menu.js";
import { watch } from "./watch.js";

/** Milliseconds for which the row says what was done. */
const SAID = 4000;

/**
 * The part with the tools.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function tools(instrument) {
  const said = announcer();
  const { copying, shown } = copier(instrument, said);
  const link = toolButton("link", "copy-link", copying("link", () => instrument.link()));
  const python = toolButton("Python", "copy-python", copying("Python program", pythonSnippet));
  const command = toolButton("command line", "copy-command", copying("command line", commandLine));
  const menu = takeawayMenu(instrument, said.say);
  const isNew = watch();
  const row = html("div", { class: "tools-row" }, html("span", {}, "Copy"), link, python, command, menu.node, said.node);
  return {
    node: html("section", { class: "tools-part", "aria-label": "Take away" }, row, shown),
    draw(model) {
      // whether there is one depends on the scene alone, and a prompt may be long
      if (isNew(model.scene)) set(command, { disabled: commandLine(model) === null });
    },
  };
}

/**
 * What copies a text of the model, or shows it where the browser does not let it.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {{say: (text: string) => void}} said
 */
export function copier(instrument, said) {
  const shown = html("textarea", { class: "tools-text", readonly: true, hidden: true, rows: 6, "aria-label": "To be copied by hand" });
  const copying = (what, text) => async () => {
    const found = await text(instrument.model());
    if (found === null) return said.say(`There is no ${what} for this.`);
    const isCopied = await copyText(found);
    set(shown, { hidden: isCopied });
    shown.value = isCopied ? "" : found;
    if (!isCopied) shown.select();
    return said.say(isCopied ? `Copied: ${what}.` : "This browser does not let a page copy; the text is here.");
  };
  return { copying, shown };
}

/** A button of the row, which copies something. */
export function toolButton(text, testid, onclick) {
  const label = `Copy ${text}`;
  return html("button", { type: "button", class: "plain", "data-testid": testid, "aria-label": label, onclick }, text);
}

/** A place where something is said for a while, also to those who do not see it. */
export function announcer() {
  const node = html("span", { class: "tools-said", role: "status" });
  let pending = 0;
  return {
    node,
    say(text) {
      say(node, text);
      clearTimeout(pending);
      pending = setTimeout(() => say(node, ""), SAID);
    },
  };
}
