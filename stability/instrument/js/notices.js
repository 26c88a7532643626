// What is being computed, and what has to be said of the link: at the lower edge of what is in view, so
// that nothing moves when it comes and goes.

import { each, html, say, set } from "./nodes.js";
import { percent } from "./format.js";

/** What is computed and how far it is, and of what the picture is that stands meanwhile. */
function underWay(status) {
  if (!status) return "";
  const { message, fraction, still, act } = status;
  const going = act === "go on" ? `${message}.` : `${message} …`;
  return [fraction ? `${message}: ${percent(fraction)}.` : going, still].filter(Boolean).join(" ");
}

/** What a person may do about it, by the event that asks for it. */
const ACTS = { stop: "Stop", "go on": "Go on" };

/**
 * The part that tells of what is under way.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {import("./instrument.js").Part}
 */
export function notices(instrument) {
  const status = html("p", { "data-testid": "status" });
  const act = html("button", { type: "button", "data-testid": "act" });
  const notes = html("div", { "data-testid": "notes" });
  const close = html("button", { type: "button", "aria-label": "Close the notes", onclick: hide }, "×");
  const node = html("section", { class: "notices", role: "status", "aria-label": "Notes" }, status, act, notes, close);
  let told = "";

  function hide() {
    set(notes, { hidden: true });
    set(close, { hidden: true });
    set(node, { hidden: status.hidden });
  }

  return {
    node,
    draw({ scene }) {
      const said = scene.notes ?? [];
      const under = underWay(scene.status);
      say(status, under);
      set(status, { hidden: !under });
      const kind = scene.status?.act;
      set(act, { hidden: !kind, onclick: () => instrument.send({ kind }) });
      say(act, ACTS[kind] ?? "");
      // what is said anew is shown anew, be it the same
      const now = JSON.stringify([scene.noted, said]);
      if (told !== now) {
        told = now;
        each(notes, said, () => html("p"), (line, note) => say(line, note));
        set(notes, { hidden: !said.length });
        set(close, { hidden: !said.length });
      }
      set(node, { hidden: status.hidden && (notes.hidden || !said.length) });
    },
  };
}
