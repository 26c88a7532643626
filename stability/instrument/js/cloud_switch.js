// What is drawn of the plane's surroundings: the region, and beneath it, if it is asked for, a cloud of
// perturbations, which the page draws.

import { html, set } from "./nodes.js";

/**
 * The switch between the two.
 * @param {import("./instrument.js").Instrument} instrument
 * @returns {{node: HTMLElement, draw: (model: import("./model.js").Model) => void}}
 */
export function cloudSwitch(instrument) {
  const ask = () => {
    const { picture, epsilon } = instrument.view();
    instrument.send({ kind: "cloud", epsilon: picture === "cloud" ? epsilon : null });
  };
  const button = (picture, text, label) => {
    const onclick = () => {
      // a second press asks for the cloud at the present ε
      if (picture === "cloud" && instrument.view().picture === picture) ask();
      instrument.change({ picture });
    };
    const attributes = { type: "button", class: "plain", "data-testid": `picture-${picture}` };
    return html("button", { ...attributes, "aria-label": label, onclick }, text);
  };
  const region = button("region", "region", "The region alone");
  const cloud = button("cloud", "cloud below", "A cloud of perturbations at this ε, below");
  const node = html("span", { class: "switches", role: "group", "aria-label": "Picture" }, region, cloud);
  set(node, { hidden: !instrument.hasPage });
  let asked = "region";
  return {
    node,
    draw({ view }) {
      set(region, { "aria-pressed": String(view.picture === "region") });
      set(cloud, { "aria-pressed": String(view.picture === "cloud") });
      if (!instrument.hasPage || view.picture === asked) return;
      asked = view.picture;
      ask();
    },
  };
}
