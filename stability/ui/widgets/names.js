// Names for those who do not see the page: Streamlit gives a figure none, calls the first page after its
// file, and reads the names of its icons aloud.
(() => {
  if (window.stabilityNames) return;
  window.stabilityNames = true;

  /** The caption beneath a figure says what it shows. */
  function nameFigure(figure) {
    const place = figure.closest('[data-testid="stElementContainer"]');
    const caption = place?.nextElementSibling?.querySelector('[data-testid="stCaptionContainer"]');
    if (!caption || figure.getAttribute("aria-label") === caption.textContent) return;
    figure.setAttribute("role", "img");
    figure.setAttribute("aria-label", caption.textContent);
  }

  /** An icon says nothing that the words beside it do not; alone, it is all there is. */
  function hideIcon(icon) {
    const control = icon.closest("button, summary, a");
    const words = control?.textContent.replace(icon.textContent, "").trim();
    if (words || control?.hasAttribute("aria-label")) icon.setAttribute("aria-hidden", "true");
  }

  /** The first page is called after its file; the text itself is changed, so that a search finds it. */
  function nameFirstPage(label) {
    const words = document.createTreeWalker(label, NodeFilter.SHOW_TEXT).nextNode();
    if (words?.data !== "app") return;
    words.data = "Explore";
    label.setAttribute("label", "Explore");
  }

  function nameAll() {
    document.querySelectorAll(".js-plotly-plot").forEach(nameFigure);
    document.querySelectorAll('[data-testid="stSidebarNavLink"] span[label="app"]').forEach(nameFirstPage);
    document
      .querySelectorAll('[data-testid="stIconMaterial"]:not([aria-hidden])')
      .forEach(hideIcon);
    document
      .querySelector('[data-testid="stExpandSidebarButton"]')
      ?.setAttribute("aria-label", "Open the side bar");
  }

  let isWaiting = false;
  new MutationObserver(() => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      nameAll();
    });
  }).observe(document.body, { childList: true, subtree: true });
  nameAll();
})();
