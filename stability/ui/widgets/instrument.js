// The instrument on a page. The one component of this file stands on the page twice: once with the address
// of all scripts, and once with what they draw. What a person asks for runs the whole page; the second one's
// own fragment looks for more, and answers some of it first.

/**
 * What both find: the scripts of each sheet once they have come, and how to ask for something.
 * @type {{sheets: Record<string, {scripts: Promise<any>, arrived: (module: any) => void, address?: string}>,
 *     send?: (events: object[]) => void, number: number, unanswered: any[], first?: any}} `first` is the
 *     picture that was drawn before Streamlit ran, see `first_picture.js`
 */
const shared = (globalThis.stabilityInstrument ??= { sheets: {}, number: 0, unanswered: [] });

function sheetOf(name) {
  return (shared.sheets[name] ??= (() => {
    let arrived;
    const scripts = new Promise((resolve) => (arrived = resolve));
    return { scripts, arrived };
  })());
}

/** Where the page draws the cloud, beneath the instrument. */
const CLOUD = ".st-key-cloud";

/** Milliseconds that the way to another page waits for the server to have heard of ε. */
const PATIENCE = 600;
/** Milliseconds after which an event that is not answered is sent again, then twice as many. */
const INSISTENCE = 1500;
/** Milliseconds until the page is looked at again for a cloud that is not there yet, and how often. */
const CLOUD_PAUSE = 100;
const CLOUD_LOOKS = 300;

const mounted = new WeakMap();

export default function ({ data, parentElement, setTriggerValue, setStateValue }) {
  if (data instanceof Uint8Array) {
    const sent = JSON.parse(new TextDecoder().decode(data));
    if (!mounted.has(parentElement)) mounted.set(parentElement, place(parentElement, sent.look));
    const here = mounted.get(parentElement);
    here.sheet = sent.sheet;
    here.sendAlone = (events) => setTriggerValue("events", events);
    // that a run has been seen, with the widgets where it has moved them, is said by every look
    here.look = (has) => setStateValue("look", { number: (here.looks += 1), has, run: sent.run });
    sheetOf(sent.sheet).scripts.then((scripts) => receive(here, sent, scripts));
    return () => leave(here);
  }
  shared.send = (events) => setTriggerValue("events", events);
  const sheet = sheetOf(data.sheet);
  if (sheet.address !== data.scripts) {
    sheet.address = data.scripts;
    import(new URL(data.scripts, document.baseURI)).then(sheet.arrived);
  }
}

function place(root, looks) {
  const here = { root, looks, stamp: null, timer: 0, gone: false };
  here.back = () => {
    // who goes back while a page waits to be opened does not want that any more
    clearTimeout(here.patience);
    here.leaves = null;
    here.restores = true;
    here.instrument?.change(here.read().view);
  };
  here.onLink = (event) => {
    // before a first scene there is no view to be told
    const link = here.linkToLeaveBy?.(event);
    if (!link) return;
    event.preventDefault();
    event.stopPropagation();
    leaveBy(here, link);
  };
  addEventListener("popstate", here.back);
  document.addEventListener("click", here.onLink, true);
  return here;
}

/** Open another page, once the server has heard of the view. */
function leaveBy(here, link) {
  clearTimeout(here.patience);
  here.leaves = () => {
    clearTimeout(here.patience);
    here.leaves = null;
    quiet(here);
    link.click();
  };
  here.patience = setTimeout(() => here.leaves?.(), PATIENCE);
  // it may have changed since it was last kept
  here.write(here.instrument.view());
  ask(here, { kind: "view", view: here.view });
}

/** Ask for nothing more: of two questions at once, the server opens the page of the later one. */
function quiet(here) {
  here.leaving = true;
  clearTimeout(here.timer);
  clearTimeout(here.retry);
}

function leave(here) {
  here.gone = true;
  quiet(here);
  clearTimeout(here.patience);
  clearTimeout(here.cloud);
  removeEventListener("popstate", here.back);
  document.removeEventListener("click", here.onLink, true);
  here.instrument?.destroy();
  mounted.delete(here.root);
}

/** Ask the server; what it has not answered yet is asked again, as a later question takes its place. */
function ask(here, event) {
  here.leaving = false;
  clearTimeout(here.timer);
  insist(here, INSISTENCE);
  // a run of the whole page ends the one that is under way, the sheet's own waits for it
  const isAlone = !shared.unanswered.length && here.isAnswered && here.atOnce.includes(event.kind);
  shared.number += 1;
  shared.unanswered.push({ ...event, sheet: here.sheet, number: shared.number });
  (isAlone ? here.sendAlone : shared.send)?.(shared.unanswered);
  if (event.kind === "cloud") showCloud(here, event.epsilon === null ? 0 : CLOUD_LOOKS);
}

/** Bring the cloud into view once it is drawn, as its place is below what is seen. */
function showCloud(here, looks) {
  clearTimeout(here.cloud);
  if (!looks) return;
  const drawn = document.querySelector(CLOUD);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (drawn) drawn.scrollIntoView({ behavior: still ? "auto" : "smooth", block: "nearest" });
  else here.cloud = setTimeout(() => showCloud(here, looks - 1), CLOUD_PAUSE);
}

/** Ask again where no answer has come: a run of the page may be stopped before it has heard. */
function insist(here, patience) {
  clearTimeout(here.retry);
  here.retry = setTimeout(() => {
    if (!shared.unanswered.length) return;
    shared.send?.(shared.unanswered);
    insist(here, 2 * patience);
  }, patience);
}

function receive(here, sent, scripts) {
  if (here.gone) return;
  if (shared.first?.released) return shared.first.released.then(() => receive(here, sent, scripts));
  here.atOnce = sent.atOnce;
  here.isAnswered = sent.look === here.looks;
  shared.unanswered = shared.unanswered.filter(({ number }) => number > sent.seen);
  if (here.leaves && !shared.unanswered.length) here.leaves();
  if (here.leaving) return;
  clearTimeout(here.timer);
  // the sheet has answered alone: now the rest of the page, once that is painted
  const follow = () => (here.timer = setTimeout(() => shared.send?.(shared.unanswered)));
  if (shared.unanswered.length && sent.heard === shared.number) requestAnimationFrame(follow);
  else if (sent.again !== null) here.timer = setTimeout(() => here.look(here.stamp), sent.again);
  // Streamlit removes it where it loses a message, and then draws it anew without the scene that it had
  if (shared.first && !isFirst(sent, scripts) && shared.first.leave()) return quiet(here);
  if (!here.instrument && !sent.scene) return sent.stamp === null ? sayWaiting(here, sent) : here.look(null);
  if (!here.instrument) mount(here, sent, scripts);
  if (!sent.scene) {
    if (sent.stamp !== null && sent.stamp !== here.stamp) here.look(here.stamp);
    else if (here.scene) waitFor(here, sent.status);
    return;
  }
  if (sent.stamp === here.stamp) return;
  here.stamp = sent.stamp;
  const notes = [...(sent.scene.notes ?? []), ...here.notes];
  here.scene = { ...sent.scene, notes };
  here.said = null;
  waitFor(here, sent.status);
  if (here.restores) here.instrument.change(here.read().view);
  here.restores = false;
  // the server has written its part of the link, without this one
  here.write(here.view);
}

/** Say what is waited for as long as there is nothing to be seen. */
function sayWaiting(here, { status, again }) {
  here.waiting ??= here.root.appendChild(Object.assign(document.createElement("p"), { className: "waiting" }));
  here.waiting.setAttribute("role", "status");
  here.waiting.textContent = again === null ? "" : `${status?.message ?? "Reading the prompt"} …`;
}

/** Say what is waited for; nothing else of the scene has changed. */
function waitFor(here, status) {
  const said = JSON.stringify(status);
  if (said === here.said) return;
  here.said = said;
  here.instrument.receive({ ...here.scene, status });
}

/** Whether what is sent is what the first picture shows. */
function isFirst({ scene }, { rayKey }) {
  return Boolean(scene && rayKey) && rayKey(scene) === rayKey(shared.first.scene);
}

function mount(here, sent, { mount, encode, decode, writeInAddress, linkToLeaveBy, INITIAL }) {
  here.linkToLeaveBy = linkToLeaveBy;
  here.read = () => decode(new URLSearchParams(location.search));
  here.write = (view) => {
    here.view = view;
    writeInAddress(encode(view));
  };
  const link = new URLSearchParams(location.search);
  const { view, notes } = here.read();
  const inLink = Object.fromEntries(Object.entries(view).filter(([name]) => link.has(name)));
  here.notes = notes;
  here.view = { ...INITIAL, ...sent.view, ...inLink };
  here.waiting?.remove();
  const host = { send: (event) => ask(here, event), remember: here.write, link: (now) => linkOf(here, now) };
  if (shared.first) takeOver(here, host);
  else here.instrument = mount(here.root, host, here.view);
}

/** Go on with the first picture, as it is, and with what has been asked for there. */
function takeOver(here, host) {
  const { first } = shared;
  here.instrument = first.instrument;
  here.view = here.instrument.view();
  Object.assign(first.host, host);
  first.moveTo(here.root);
  for (const event of first.events) ask(here, event);
  if (first.link) leaveBy(here, first.link);
}

/** The address of the page with all that is set: the view may have changed since it was last kept. */
function linkOf(here, view) {
  here.write(view);
  return location.href;
}
