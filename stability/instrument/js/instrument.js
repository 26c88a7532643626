// The instrument: its parts in their places, one redraw a frame, and the two ways that anything
// changes: by the hand, which the picture follows at once, and by the server, which sends a new scene.

import { keepStop } from "./explain.js";
import { digits } from "./format.js";
import { html, set } from "./nodes.js";
import { modeller } from "./model.js";
import { INITIAL } from "./view.js";
import { PARTS } from "./parts.js";
import { within } from "./within.js";

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
 * @property {boolean} hasPage  whether the host draws clouds beneath: a page that has an address
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
  let marks = {};
  let view = { ...initial };
  let drawn = null;
  let frame = 0;
  let rest = 0;
  // the distance of the point through which the ray was asked to turn
  let turned = null;
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
    send(event) {
      turned = event.kind === "turn" ? Math.hypot(...(view.point ?? [view.t, 0])) : null;
      host.send({ ...event, view });
    },
    model: () => drawn,
    link: () => host.link?.(view) ?? null,
    hasPage: Boolean(host.link),
    redraw: schedule,
  };
  const parts = Object.entries(PARTS).map(([area, make]) => {
    const part = make(instrument);
    set(part.node, { "data-area": area });
    return part;
  });
  const sheet = html("div", { class: "sheet" }, ...parts.map((part) => part.node));
  // what is not drawn yet is not to be used
  const body = html("div", { class: "instrument", inert: true }, sheet);
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
    set(body, { inert: null, "data-large": view.large, "data-still": Boolean(scene.status?.still), ...marks });
    for (const part of parts) {
      part.draw(now, drawn);
      keepStop(part.node);
    }
    drawn = now;
  }

  /** Hold the view to what is known of a scene, and say where that has changed it. */
  function holdWithin(sent) {
    const { changes, notes } = within(sent, view);
    if (!Object.keys(changes).length) return sent;
    view = { ...view, ...changes };
    remember();
    return { ...sent, notes: [...(sent.notes ?? []), ...notes] };
  }

  return {
    receive(sent) {
      if (scene && rayKey(scene) !== rayKey(sent)) {
        // a new ray begins at its own start, and one that was turned here at the point
        const t = sent.setting.direction.kind === "turn" ? (turned ?? 0) : 0;
        turned = null;
        view = { ...view, t, point: null, zoom: null, half: null };
        remember();
      }
      scene = holdWithin(sent);
      marks = marksOf(scene);
      schedule();
    },
    change: instrument.change,
    view: () => view,
    destroy() {
      cancelAnimationFrame(frame);
      clearTimeout(rest);
      body.remove();
    },
  };
}

/** What tells a ray from every other: vectors without a written form by their curvature. */
export function rayKey({ setting, line }) {
  const { model, prompt, messages, position, site, direction } = setting;
  const along = direction.spec ?? [direction.label, line && digits(line.variance)];
  return JSON.stringify([model.name, model.revision, model.dtype, prompt, messages, position, site, along]);
}

/** Which ray is drawn, and how much of it: for those who wait for it. */
function marksOf(scene) {
  const { line, plane } = scene;
  return { "data-ray": rayKey(scene), "data-line": line?.kind ?? "flat", "data-plane": Boolean(plane) };
}
