// The control of ε, with its words, and the switches of how all is shown.

import { html, set, say } from "./nodes.js";
import { digits, epsilonWords } from "./format.js";
import { keepView, onDrag } from "./drag.js";
import { logScale, logTicks, tickText } from "./scales.js";
import { meantEpsilon, onEpsilonKeys } from "./steps.js";
import { EPSILONS } from "./view.js";
import { watch } from "./watch.js";

const share = logScale(EPSILONS, [0, 1]);

/**
 * The control.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function epsilon(instrument) {
  const range = { "aria-valuemin": EPSILONS[0], "aria-valuemax": EPSILONS[1] };
  const role = { role: "slider", tabindex: 0, "aria-label": "ε, the divergence that counts as a change" };
  const thumb = html("div", { class: "thumb", "data-testid": "epsilon", ...role, ...range });
  const track = html("div", { class: "track" }, html("i", { class: "rail" }), ...decades(), thumb);
  onDrag(track, track, {
    keep: () => keepView(instrument, ["epsilon"]),
    start: () => thumb.focus({ preventScroll: true }),
    move(x) {
      const asked = share.value(Math.min(Math.max(x / track.clientWidth, 0), 1));
      instrument.change({ epsilon: meantEpsilon(instrument.model()?.scene.line, asked) });
    },
  });
  onEpsilonKeys(instrument, thumb);
  const value = html("span");
  const words = html("span", { class: "words" });
  const said = html("p", { class: "said" }, html("b", {}, "ε = ", value), words);
  const switches = [
    toggle(instrument, "relative", "% of norm", "units"),
    toggle(instrument, "fixed", "fixed axes", "fixed"),
    toggle(instrument, "large", "large type", "large"),
  ];
  const tools = html("span", { class: "tools" }, ...switches.map(({ node }) => node));
  const row = html("div", { class: "row" }, said, tools);
  const isNew = watch();
  return {
    node: html("div", { class: "budget", role: "group", "aria-label": "Budget ε" }, row, track),
    draw({ view }) {
      if (!isNew(view.epsilon, view.relative, view.fixed, view.large)) return;
      const text = `${digits(view.epsilon)} nats`;
      set(track, { style: `--t: ${(100 * share.at(view.epsilon)).toFixed(3)}%` });
      set(thumb, { "aria-valuenow": view.epsilon, "aria-valuetext": `${text}: ${epsilonWords(view.epsilon)}` });
      say(value, text);
      say(words, epsilonWords(view.epsilon));
      for (const { draw } of switches) draw(view);
    },
  };
}

function decades() {
  return logTicks(EPSILONS).map((tick) => {
    const style = `--at: ${(100 * share.at(tick)).toFixed(2)}%`;
    return html("small", { class: "decade", style, "aria-hidden": "true" }, tickText(tick));
  });
}

/** A button that is pressed or not. */
function toggle(instrument, field, text, testid) {
  const onclick = () => instrument.change({ [field]: !instrument.view()[field] });
  const node = html("button", { type: "button", class: "switch", "data-testid": testid, onclick }, text);
  return { node, draw: (view) => set(node, { "aria-pressed": String(view[field]) }) };
}
