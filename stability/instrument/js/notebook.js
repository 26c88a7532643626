// The instrument as a widget of a notebook: the scene comes in with the widget's state, what is asked for
// goes to the kernel as a message, and the view is kept in the state, as the page of a server keeps it in
// its link. Where no kernel runs, as in a page made of a notebook, what the browser computes moves.

import { mount } from "./instrument.js";
import { INITIAL } from "./view.js";

/**
 * Draw a widget.
 * @param {{model: any, el: HTMLElement}} widget  as anywidget gives it
 * @returns {() => void} takes it away
 */
export function renderNotebook({ model, el }) {
  el.classList.add("stability-notebook");
  const host = {
    send: (event) => model.send(event),
    remember(view) {
      model.set("view", view);
      model.save_changes();
    },
  };
  const instrument = mount(el, host, { ...INITIAL, ...model.get("view") });
  const receive = () => instrument.receive(model.get("scene"));
  model.on("change:scene", receive);
  receive();
  return () => {
    model.off("change:scene", receive);
    instrument.destroy();
  };
}
