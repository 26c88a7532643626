// What can be taken away of a dose: its link, the program and the command line, the table, the vector.

import { budgetRows } from "./dose_budgets.js";
import { dosePython, doseCommandLine, VECTOR_FILE } from "./dose_snippets.js";
import { html, set } from "./nodes.js";
import { csv, download, json } from "./takeaway.js";
import { announcer, copier, toolButton } from "./tools.js";

const COLUMNS = {
  ...{ epsilon: "number", statistic: "text", predicted: "number" },
  ...{ minus: "number", minus_kind: "text", plus: "number", plus_kind: "text" },
};

/**
 * The part with the tools.
 * @param {import("./instrument.js").Instrument} sheet
 * @returns {import("./instrument.js").Part}
 */
export function doseTools(sheet) {
  const said = announcer();
  const { copying, shown } = copier(sheet, said);
  const give = (name, content, type) => () => {
    download(name, content(sheet.model(), sheet.link()), type);
    said.say(`Saved: ${name}`);
  };
  const command = toolButton("command line", "copy-command", copying("command line", doseCommandLine));
  const vector = saveButton("vector", "save-vector", give(VECTOR_FILE, vectorBytes, "application/octet-stream"));
  const row = html(
    "div",
    { class: "tools-row" },
    html("span", {}, "Copy"),
    toolButton("link", "copy-link", copying("link", () => sheet.link())),
    toolButton("Python", "copy-python", copying("Python program", dosePython)),
    command,
    html("span", {}, "Save"),
    saveButton("CSV", "save-csv", give("doses.csv", (model, link) => csv(doseTable(model), doseProvenance(model, link)), "text/csv;charset=utf-8")),
    saveButton("JSON", "save-json", give("doses.json", (model, link) => json([doseTable(model)], doseProvenance(model, link)), "application/json")),
    vector,
    said.node,
  );
  return {
    node: html("section", { class: "tools-part", "aria-label": "Take away" }, row, shown),
    draw(model) {
      set(command, { disabled: doseCommandLine(model) === null });
      set(vector, { disabled: model.scene.setting.vector.npy === null });
    },
  };
}

function saveButton(text, testid, onclick) {
  return html("button", { type: "button", class: "plain", "data-testid": testid, "aria-label": `Save ${text}`, onclick }, text);
}

/**
 * The doses of every budget, as a table that is taken away.
 * @param {import("./dose_model.js").DoseModel} model
 * @returns {import("./tables.js").Table}
 */
export function doseTable({ scene }) {
  const rows = budgetRows(scene).map(({ minus, plus, ...budget }) => ({
    ...budget,
    ...{ minus: minus.distance, minus_kind: minus.kind, plus: plus.distance, plus_kind: plus.kind },
  }));
  const columns = Object.entries(COLUMNS).map(([name, type]) => ({ name, type, values: rows.map((row) => row[name]) }));
  return { name: "doses", title: "Doses", columns };
}

function doseProvenance({ scene: { setting } }, link) {
  const { model, messages, prompt, positions, vector, version, versions } = setting;
  const { npy, source, ...described } = vector;
  return {
    model: model.name,
    ...{ revision: model.revision, dtype: model.dtype },
    ...(messages ? { messages } : { prompt }),
    positions,
    vector: described,
    source,
    versions: { stability: version, ...versions },
    link,
  };
}

function vectorBytes({ scene }) {
  const letters = atob(scene.setting.vector.npy);
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
}
