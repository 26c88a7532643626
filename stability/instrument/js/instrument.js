// The instrument: its parts in their places, one redraw a frame, and the two ways that anything
// changes: by the hand, which the picture follows at once, and by the server, which sends a new scene.

import { html, set } from "./nodes.js";
import { modeller } from "./model.js";
import { INITIAL } from "./view.js";
import { PARTS } from "./parts.js";

/**
 * @typedef {object} Host  where the instrument lives: a page of Streamlit, a notebook, a file
 * @property {(event: object) => void} send      ask the server for something
 * @property {(view: import("./view.js").View) => void} [remember]  keep the view, as in a link
 *
 * @typedef {object} Instrument
 * @property {(patch: Partial<import("./view.js").View>) => void} change  set a part of the view
 * @property {(event: object) => void} send
 * @property {() => import("./model.js").Model | null} model  what is drawn
 * @property {HTMLElement} root
 *
 * @typedef {object} Part
 * @property {HTMLElement} node
 * @property {(model: import("./model.js").Model, previous: import("./model.js").Model | null) => void} draw
 */

/** Milliseconds of rest after which the view is kept: browsers refuse a hundred links in a second. */
const REST = 400;

/**
 * Build the instrument inside a node.
 * @param {HTMLElement} root
 * @param {Host} host
 * @param {import("./view.js").View} [initial]
 * @returns {{receive: (scene: any) => void, change: Instrument["change"], destroy: () => void}}
 */
export function mount(root, host, initial = INITIAL) {
  let scene = null;
  let view = { ...initial };
  let drawn = null;
  let frame = 0;
  let rest = 0;
  const model = modeller();

  /** @type {Instrument} */
  const instrument = {
    root,
    change(patch) {
      view = { ...view, ...patch };
      if (host.remember) {
        clearTimeout(rest);
        rest = setTimeout(() => host.remember(view), REST);
      }
      schedule();
    },
    send: (event) => host.send({ ...event, view }),
    model: () => drawn,
  };
  const parts = Object.entries(PARTS).map(([area, make]) => {
    const part = make(instrument);
    set(part.node, { "data-area": area });
    return part;
  });
  const sheet = html("div", { class: "sheet" }, ...parts.map((part) => part.node));
  const body = html("div", { class: "instrument" }, sheet);
  root.replaceChildren(body);

  function schedule() {
    frame ||= requestAnimationFrame(draw);
  }

  function draw() {
    frame = 0;
    if (!scene) return;
    const now = model(scene, view);
    set(body, { "data-large": view.large });
    for (const part of parts) part.draw(now, drawn);
    drawn = now;
  }

  return {
    receive(sent) {
      // a new ray begins at its own start
      if (scene && isOtherRay(scene.setting, sent.setting)) view = { ...view, t: 0, point: null, zoom: null, half: null };
      scene = sent;
      schedule();
    },
    change: instrument.change,
    destroy() {
      cancelAnimationFrame(frame);
      clearTimeout(rest);
      body.remove();
    },
  };
}

function isOtherRay(before, after) {
  const key = ({ model, prompt, messages, position, site, direction }) =>
    JSON.stringify([model.name, prompt, messages, position, site, direction.label]);
  return key(before) !== key(after);
}
