// The first picture: the default choice's, which ships, drawn before Streamlit's own scripts run. The page's
// instrument takes it over (`instrument.js`), with all that a hand has changed in it meanwhile.

/** Milliseconds between two looks whether the page shows something else. */
const PAUSE = 100;
/** Looks in a row that must find so: what a run of the page has drawn comes a little after its end. */
const LOOKS = 3;
/** Milliseconds after which Streamlit starts whether a frame was painted or not: no window may show it. */
const PATIENCE = 2000;
/** Pixels of a window in which Streamlit opens its side bar, and how wide it then is. */
const WIDE = 769;
const SIDE = 300;
/** Where a browser keeps that a person has closed it on this page. */
const COLLAPSED = "stSidebarCollapsed-";

const { scripts, streamlit, parts } = document.getElementById("first-script").dataset;
const box = document.getElementById("first-picture");
const field = box.querySelector(".first-controls textarea");
const shared = (globalThis.stabilityInstrument ??= { sheets: {}, number: 0, unanswered: [] });

// as long as this picture is there: what listens for it, and what waits for its end
const here = new AbortController();

setTimeout(start, PATIENCE);
try {
  draw(await import(new URL(scripts, document.baseURI)));
  await painted();
} catch (error) {
  // nothing may lie over the page that nobody takes away
  if (!shared.first) box.remove();
  throw error;
} finally {
  start();
}

/** Start Streamlit, once, and fetch what it will ask for. */
function start() {
  if (document.querySelector(`script[src="${streamlit}"]`)) return;
  const script = { type: "module", crossOrigin: "", src: streamlit };
  document.head.append(Object.assign(document.createElement("script"), script));
  for (const href of parts.split(" ").filter(Boolean)) {
    const link = { rel: "modulepreload", fetchPriority: "low", href };
    document.head.append(Object.assign(document.createElement("link"), link));
  }
}

/** Until a frame with what has been drawn has been painted, if any is. */
function painted() {
  if (document.hidden) return null;
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}

function draw({ mount, encode, decode, writeInAddress, linkToLeaveBy }) {
  box.classList.toggle("dark", isDark());
  if (innerWidth >= WIDE && kept(COLLAPSED) !== "true") box.style.setProperty("--first-side-width", `${sideWidth()}px`);
  box.hidden = false;
  const root = box.querySelector(".first-root");
  const scene = JSON.parse(document.getElementById("first-scene").textContent);
  const events = [];
  // all of this becomes that of the page's own
  const host = {
    send: (event) => events.push(event),
    remember: (view) => writeInAddress(encode(view)),
    link: () => location.href,
  };
  const instrument = mount(root, host, decode(new URLSearchParams(location.search)).view);
  instrument.receive(scene);
  const before = JSON.stringify(instrument.view());
  shared.first = { scene, instrument, host, events, moveTo, leave, released: null, link: null };
  shared.typed = typed();
  holdWhileInHand();
  // the page itself opens another, once the server has heard of what has been set here
  document.addEventListener("click", (event) => {
    const link = linkToLeaveBy(event);
    if (!link || (!events.length && JSON.stringify(instrument.view()) === before)) return;
    event.preventDefault();
    event.stopPropagation();
    shared.first.link = link;
  }, { capture: true, signal: here.signal });
  watch();
}

/** What is typed in the field of the prompt, once the page's own takes its place (`prompt.js`). */
function typed() {
  const shown = field.value;
  let submitted = shown;
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submitted = field.value;
  });
  field.addEventListener("blur", () => (submitted = field.value), { signal: here.signal });
  return new Promise((done) => {
    here.signal.addEventListener("abort", () => {
      const { value, selectionStart, selectionEnd } = field;
      const isFocused = field === document.activeElement;
      const text = value === shown ? null : value;
      done({ text, submitted: submitted === shown ? null : submitted, isFocused, selectionStart, selectionEnd });
    });
  });
}

/** Where a hand holds something, or writes a word, it is taken over after that, or when no more is heard of it. */
function holdWhileInHand() {
  let letGo;
  const hold = () => (shared.first.released ??= new Promise((done) => (letGo = done)));
  const release = () => setTimeout(() => {
    if (shared.first) shared.first.released = null;
    letGo?.();
  });
  const on = (kind, act) => addEventListener(kind, act, { signal: here.signal });
  box.addEventListener("pointerdown", ({ isPrimary, button }) => isPrimary && button === 0 && hold(), true);
  // a finger that begins to scroll is no pointer any more, and still there
  for (const kind of ["pointerup", "pointercancel"]) on(kind, ({ pointerType }) => pointerType === "touch" || release());
  for (const kind of ["touchend", "touchcancel"]) on(kind, ({ touches }) => touches.length || release());
  field.addEventListener("compositionstart", hold);
  for (const kind of ["compositionend", "contextmenu", "blur"]) on(kind, release);
}

/** Move all that is drawn to its place in the page, with the focus; where it was scrolled, it stays in sight. */
function moveTo(place) {
  const { scrollTop } = box;
  const focused = box.contains(document.activeElement) ? document.activeElement : null;
  const root = box.querySelector(".first-root");
  const { top } = root.getBoundingClientRect();
  place.append(root);
  focused?.focus({ preventScroll: true });
  // by what is seen: the page above it may not have come to rest
  if (scrollTop) place.closest('[data-testid="stMain"]')?.scrollBy(0, root.getBoundingClientRect().top - top);
  end();
}

/** Go, as the page shows something else; say whether another page is opened. */
function leave() {
  const { instrument, link } = shared.first;
  instrument.destroy();
  end();
  link?.click();
  return Boolean(link);
}

function end() {
  here.abort();
  delete shared.first;
  box.remove();
  // the page has the same rules of its own
  document.getElementById("first-picture-style").remove();
}

/** Leave where the page has been drawn without an instrument; its title is read once. */
function watch() {
  const { pathname } = location;
  let found = 0;
  const timer = setInterval(() => {
    if (!shared.first) return clearInterval(timer);
    if (document.querySelector("#root h1")) box.querySelector("h1").setAttribute("aria-hidden", "true");
    const isDrawn = document.querySelector('[data-testid="stApp"][data-test-script-state="notRunning"]');
    found = isDrawn && !document.querySelector(".st-key-instrument") ? found + 1 : 0;
    if (location.pathname !== pathname || found === LOOKS) leave();
  }, PAUSE);
}

/** As Streamlit chooses: what a person has chosen there, or else the system. */
function isDark() {
  const chosen = kept(`stActiveTheme-${location.pathname}-v2`);
  if (chosen === '"Dark"' || chosen === '"Light"') return chosen === '"Dark"';
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

function sideWidth() {
  return Number.parseInt(kept("sidebarWidth"), 10) || SIDE;
}

/** What a browser keeps for the page, which may be nothing. */
function kept(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}
