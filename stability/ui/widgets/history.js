// One step of the browser's history for what a person does, however often the address is written for it.
// Streamlit writes that of a page that is opened twice, its path and its fields, in whatever order they
// come, and would keep an address in between that no page has.
(() => {
  if (window.stabilityHistory) return;
  window.stabilityHistory = true;

  let isAsked = false;
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => (isAsked = true), true);
  // the keys of back and forward begin no step
  addEventListener("popstate", () => (isAsked = false), true);

  const { pushState, replaceState } = history;
  history.pushState = (...step) => {
    (isAsked ? pushState : replaceState).apply(history, step);
    isAsked = false;
  };
})();
