// One step of the browser's history for what a person does, however often the address is written for it.
// Streamlit writes that of a page that is opened twice, its path and its fields, in whatever order they
// come, and would keep an address in between that no page has.
(() => {
  if (window.stabilityHistory) return;
  window.stabilityHistory = true;

  let isAsked = false;
  let isBack = false;
  const asked = () => ([isAsked, isBack] = [true, false]);
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, asked, true);
  // one that neither a pointer nor a key has made, but a screen reader or a script
  addEventListener("click", (event) => event.detail === 0 && asked(), true);
  // the keys of back and forward begin no step
  addEventListener("popstate", () => ([isAsked, isBack] = [false, true]), true);

  const isAnotherPage = (address) => new URL(address, location.href).pathname !== location.pathname;

  const { pushState, replaceState } = history;
  history.pushState = (...step) => {
    // a page that was left again before it had run writes its address late, over another's
    if (isBack && isAnotherPage(step[2])) return;
    (isAsked ? pushState : replaceState).apply(history, step);
    isAsked = false;
  };
})();
