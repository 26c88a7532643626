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
 * @property {(view: import("./view.js").View) => string} [link]  the address that shows all this
 *
 * @typedef {object} Instrument
 * @property {(patch: Partial<import("./view.js").View>) => void} change  set a part of the view
 * @property {() => import("./view.js").View} view  what is set, drawn or not yet
 * @property {(event: object) => void} send
 * @property {() => import("./model.js").Model | null} model  what is drawn
 * @property {() => string | null} link  the address that shows it; null where there is none
 * @property {() => void} redraw  at the next frame, as when a width has changed
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
      remember();
      schedule();
    },
    view: () => view,
    send: (event) => host.send({ ...event, view }),
    model: () => drawn,
    link: () => host.link?.(view) ?? null,
    redraw: schedule,
  };
  const parts = Object.entries(PARTS).map(([area, make]) => {
    const part = make(instrument);
    set(part.node, { "data-area": area });
    return part;
  });
  const sheet = html("div", { class: "sheet" }, ...parts.map((part) => part.node));
  const body = html("div", { class: "instrument" }, sheet);
  root.replaceChildren(body);

  function remember() {
    if (!host.remember) return;
    clearTimeout(rest);
    rest = setTimeout(() => host.remember(view), REST);
  }

  function schedule() {
    frame ||= requestAnimationFrame(draw);
  }

  function draw() {
    frame = 0;
    if (!scene) return;
    const now = model(scene, view);
    set(body, { "data-large": view.large, ...drawnOf(scene) });
    for (const part of parts) part.draw(now, drawn);
    drawn = now;
  }

  return {
    receive(sent) {
      // a new ray begins at its own start
      if (scene && isOtherRay(scene.setting, sent.setting)) {
        view = { ...view, ...startOf(view), point: null, zoom: null, half: null };
        remember();
      }
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

/** A new ray begins at its own start; one that was turned through a point of the plane, at the point. */
function startOf({ point }) {
  return { t: point ? Math.hypot(...point) : 0 };
}

function isOtherRay(before, after) {
  return rayKey(before) !== rayKey(after);
}

function rayKey({ model, prompt, messages, position, site, direction }) {
  return JSON.stringify([model.name, prompt, messages, position, site, direction.label]);
}

/** Which ray is drawn, and how much of it: for those who wait for it. */
function drawnOf({ setting, line, plane }) {
  return { "data-ray": rayKey(setting), "data-line": line?.kind ?? "flat", "data-plane": Boolean(plane) };
}
