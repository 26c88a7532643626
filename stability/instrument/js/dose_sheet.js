// The sheet of a dose: its parts in their places, one redraw a frame. The hand moves the coefficient, and
// the picture follows; what only the network knows is asked for when the hand rests.

import { keepStop } from "./explain.js";
import { coefficientIn, doseModel, drawnFor } from "./dose_model.js";
import { DOSE_PARTS } from "./dose_parts.js";
import { INITIAL, meantCoefficient } from "./dose_view.js";
import { digits } from "./format.js";
import { html, set } from "./nodes.js";

/** Milliseconds of rest after which the view is kept, and the network is asked for the coefficient. */
const REST = 400;

/**
 * Build the sheet inside a node; the host is that of the instrument.
 * @param {HTMLElement} root
 * @param {import("./instrument.js").Host} host
 * @param {import("./dose_view.js").DoseView} [initial]
 * @returns {{receive: (scene: any) => void, change: (patch: object) => void, destroy: () => void}}
 */
export function mount(root, host, initial = INITIAL) {
  let scene = null;
  let view = { ...initial };
  let drawn = null;
  let frame = 0;
  let rest = 0;
  // what the network was asked for last, so that it is not asked at once again; it may forget what was before
  let asked = null;

  const sheet = {
    root,
    change(patch) {
      view = { ...view, ...patch };
      // four digits, which a link holds too
      if (typeof patch.c === "number" && scene) view.c = coefficientIn(scene, view);
      if (scene) scene = drawnFor(scene, view);
      schedule();
      wait();
    },
    view: () => view,
    send: (event) => host.send({ ...event, view }),
    model: () => drawn,
    link: () => host.link?.(view) ?? null,
    redraw: schedule,
  };
  const parts = Object.entries(DOSE_PARTS).map(([area, make]) => {
    const part = make(sheet);
    set(part.node, { "data-area": area });
    return part;
  });
  const grid = html("div", { class: "dose-sheet" }, ...parts.map((part) => part.node));
  const body = html("div", { class: "instrument", inert: true, hidden: true }, grid);
  root.replaceChildren(body);

  function schedule() {
    frame ||= requestAnimationFrame(draw);
  }

  function draw() {
    frame = 0;
    if (!scene) return;
    const now = doseModel(scene, view);
    const marks = { "data-truth": Boolean(scene.truth), "data-layers": Boolean(scene.layers) };
    set(body, { inert: null, hidden: null, "data-large": view.large, ...marks });
    for (const part of parts) {
      part.draw(now, drawn);
      keepStop(part.node);
    }
    drawn = now;
  }

  function wait() {
    clearTimeout(rest);
    rest = setTimeout(() => {
      host.remember?.(view);
      ask();
    }, REST);
  }

  /** Ask for what the view shows and the scene does not hold. */
  function ask() {
    if (!scene) return;
    const c = coefficientIn(scene, view);
    if (c !== 0 && !scene.passes.some((one) => one.c === c)) once({ kind: "steer", c });
    const { statistic, side } = view;
    const { wanted } = scene;
    if (wanted && (wanted.statistic !== statistic || wanted.sign !== side)) once({ kind: "write", statistic, sign: side });
  }

  function once(event) {
    const key = JSON.stringify(event);
    if (asked === key) return;
    // another text may be wanted again at any time
    if (event.kind === "steer") asked = key;
    sheet.send(event);
  }

  return {
    receive(sent) {
      const isSame = scene !== null && keyOf(scene) === keyOf(sent);
      if (scene && !isSame) {
        asked = null;
        view = { ...view, c: INITIAL.c, token: INITIAL.token };
      }
      // what has been drawn stays in the picture
      const extent = Math.max(meantCoefficient(sent.extent), isSame ? scene.extent : 0);
      scene = drawnFor({ ...sent, extent }, view);
      schedule();
      wait();
    },
    change: sheet.change,
    view: () => view,
    destroy() {
      cancelAnimationFrame(frame);
      clearTimeout(rest);
      body.remove();
    },
  };
}

/** What tells a dose from every other; of vectors with one name, by how fast they change the prediction. */
function keyOf({ setting: { model, prompt, messages, positions, vector }, information }) {
  const { file, site, mode } = vector;
  const size = digits(information.last);
  return JSON.stringify([model.name, model.revision, prompt, messages, positions, file, site, mode, size]);
}
