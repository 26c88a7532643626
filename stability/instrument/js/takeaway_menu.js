// The menu of all that can be taken away: figures, tables, the instrument itself, a report. It is filled
// when it is opened.

import { picture, standalone } from "./export.js";
import { livePage } from "./live_page.js";
import { html, set } from "./nodes.js";
import { report } from "./report.js";
import { tables } from "./tables.js";
import { csv, download, fileName, json, parquetFile, provenance } from "./takeaway.js";

const TYPES = {
  ...{ svg: "image/svg+xml", png: "image/png", html: "text/html;charset=utf-8" },
  ...{ csv: "text/csv;charset=utf-8", json: "application/json", parquet: "application/vnd.apache.parquet" },
};
/** By the area of a figure: its name, and the areas that move it. */
const FIGURES = {
  ray: ["The ray", ["epsilon", "ray", "scrubber"]],
  shares: ["Probabilities", ["epsilon", "shares", "scrubber"]],
  region: ["Region", ["epsilon", "region", "scrubber"]],
  spectrum: ["Spectrum", ["spectrum"]],
  next: ["Next tokens", ["next", "scrubber"]],
  pushes: ["What the direction means", ["epsilon", "pushes"]],
};
/** Figures of a report, in its order. */
const REPORTED = ["ray", "shares", "region"];
const SCALES = [2, 3];

let takeawayCount = 0;

/**
 * The menu, with the button that opens it.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {(text: string) => void} say  what was done
 * @returns {{node: HTMLElement}}
 */
export function takeawayMenu(instrument, say) {
  const panel = html("div", { class: "takeaway", id: `takeaway-${(takeawayCount += 1)}`, hidden: true });
  const button = html(
    "button",
    { type: "button", class: "plain", "data-testid": "take-away", "aria-expanded": "false", "aria-controls": panel.id },
    "Take away ▾",
  );
  const node = html("div", { class: "takeaway-menu" }, button, panel);
  const show = (isOpen) => {
    if (!instrument.model()) return;
    panel.hidden = !isOpen;
    set(button, { "aria-expanded": String(isOpen) });
    if (isOpen) panel.replaceChildren(...sections(instrument, say));
  };
  button.onclick = () => show(panel.hidden);
  node.onkeydown = (event) => {
    if (event.key !== "Escape" || panel.hidden) return;
    show(false);
    button.focus();
  };
  node.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget && !node.contains(relatedTarget)) show(false);
  });
  return { node };
}

function sections(instrument, say) {
  const model = instrument.model();
  const figures = drawnFigures(instrument.root);
  const give = (name, content, extension) => handOver(model, say, name, content, extension);
  const file = async (content) => content(model, provenance(model, instrument.link()));
  const tabled = tables(model).map((table) => [
    table.title,
    ["CSV", () => give(table.name, file((_, from) => csv(table, from)), "csv")],
    ["JSON", () => give(table.name, file((_, from) => json([table], from)), "json")],
    ["Parquet", () => give(table.name, file((_, from) => parquetFile(table, from)), "parquet")],
  ]);
  const all = ["All tables", ["JSON", () => give("tables", file((now, from) => json(tables(now), from)), "json")]];
  const whole = [
    ["The instrument, live", ["HTML", () => give("instrument", live(instrument, null), "html")]],
    ["A report to print", ["HTML", () => give("report", reported(instrument, figures), "html")]],
  ];
  return [
    section("Figures", figures.map((figure) => figureRow(instrument, figure, give))),
    section("Tables", [...tabled, all]),
    section("All of it, to open without a network", whole),
  ];
}

function section(title, lines) {
  const rows = lines.map(([name, ...choices]) => {
    const buttons = choices.map(([text, onclick]) =>
      html("button", { type: "button", class: "plain", "aria-label": `${name}: ${text}`, onclick }, text),
    );
    return html("li", {}, html("span", {}, name), html("span", { class: "takeaway-choices" }, ...buttons));
  });
  return html("section", {}, html("h3", {}, title), html("ul", {}, ...rows));
}

function figureRow(instrument, { area, name, node, description }, give) {
  const drawn = () => standalone(node, { title: titled(instrument.model(), name), description: description() });
  const pictures = SCALES.map((scale) => [`PNG ${scale}×`, () => give(area, picture(drawn(), scale), "png")]);
  return [
    name,
    ["SVG", () => give(area, drawn(), "svg")],
    ...pictures,
    ["HTML", () => give(area, live(instrument, FIGURES[area][1], name), "html")],
  ];
}

function titled({ scene: { setting } }, name) {
  return `${name}: ${setting.model.title}, ${setting.direction.label}, ${setting.site}`;
}

/** The figures that are drawn, by their areas, in the order of the page. */
function drawnFigures(root) {
  const nodes = [...root.querySelectorAll("[data-area]")].filter(
    (node) => node.dataset.area in FIGURES && node.clientWidth && node.querySelector("svg"),
  );
  return nodes.map((node) => {
    const { area } = node.dataset;
    return { area, name: FIGURES[area][0], node, description: () => told(node) };
  });
}

/** The sentence that stands for a figure. */
function told(node) {
  const said = node.querySelector("svg desc, svg[role=img][aria-label]");
  return said?.getAttribute("aria-label") ?? said?.textContent ?? "";
}

function live(instrument, areas, name = "The instrument") {
  const model = instrument.model();
  return livePage(model, instrument.root, titled(model, name), areas);
}

async function reported(instrument, figures) {
  const model = instrument.model();
  const byArea = Object.fromEntries(figures.map((figure) => [figure.area, figure]));
  const shown = REPORTED.filter((area) => area in byArea).map((area) => byArea[area]);
  const pictures = shown.map(({ node, name, description }) =>
    standalone(node, { title: titled(model, name), description: description() }),
  );
  const verdict = instrument.root.querySelector('[data-testid="verdict"]')?.textContent ?? "";
  return report(model, { verdict, figures: pictures, link: instrument.link() });
}

/** Hand a file over when it is made, and say so, or why there is none. */
async function handOver(model, say, content, made, extension) {
  const name = fileName(model, content, extension);
  try {
    const bytes = await made;
    if (bytes === null) throw new Error("its scripts cannot be read here");
    download(name, bytes, TYPES[extension]);
    say(`Saved: ${name}`);
  } catch (error) {
    say(`Not saved: ${error.message}`);
  }
}
