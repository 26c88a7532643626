// Tables as files: CSV, JSON and Parquet, each with where its numbers come from. In JSON and Parquet that
// is an object and the file's metadata. In CSV it is a block of lines before the header that begin with
// `#`, so that a table stays one of numbers: pandas reads it with `comment="#"`, R with `comment.char`.

import { parquet } from "./parquet.js";

/** What a spreadsheet would compute instead of show. */
const FORMULA = /^[=+\-@\t\r]/;
/** Characters of a prompt and of a direction in a file's name. */
const LONGEST_NAME = 30;

/**
 * Where the numbers come from: the exact setting, and the link that shows it.
 * @param {import("./model.js").Model} model
 * @param {string | null} link
 * @returns {Record<string, any>}
 */
export function provenance({ scene, view, pins }, link) {
  const named = settingNamed(scene.setting);
  const { epsilon, t } = view;
  const kept = pins.length ? { pins: pins.map((pin) => settingNamed(pin.scene.setting)) } : {};
  return { ...named, epsilon, t, ...kept, link };
}

function settingNamed(setting) {
  const { model, messages, prompt, position, site, direction, second, seed, version, versions } = setting;
  return {
    model: model.name,
    ...{ revision: model.revision, dtype: model.dtype, site, position },
    ...(messages ? { messages } : { prompt }),
    direction: direction.spec ?? direction.label,
    second: second && `eig:${second.rank}`,
    seed,
    versions: { stability: version, ...versions },
  };
}

/**
 * A table as CSV.
 * @param {import("./tables.js").Table} table
 * @param {Record<string, any>} from  its provenance
 * @returns {string}
 */
export function csv({ columns }, from) {
  const comments = Object.entries(from).map(([name, value]) => `# ${name}: ${JSON.stringify(value)}`);
  const rows = columns[0].values.map((_, row) => columns.map((column) => cell(column, row)).join(","));
  return [...comments, columns.map(({ name }) => name).join(","), ...rows, ""].join("\n");
}

/** Text stands between quotes, so that a `#` in it begins no comment. */
function cell({ type, values }, row) {
  const value = values[row];
  if (value === null) return "";
  if (type !== "text") return String(value);
  const shown = FORMULA.test(value) ? `'${value}` : value;
  return `"${shown.replaceAll('"', '""')}"`;
}

/**
 * Tables as one JSON object, each a list of rows.
 * @param {import("./tables.js").Table[]} tables
 * @param {Record<string, any>} from  their provenance
 * @returns {string}
 */
export function json(tables, from) {
  const rows = ({ columns }) =>
    columns[0].values.map((_, row) =>
      Object.fromEntries(columns.map(({ name, values }) => [name, values[row]])),
    );
  const named = Object.fromEntries(tables.map((table) => [table.name, rows(table)]));
  return `${JSON.stringify({ setting: from, ...named }, null, 1)}\n`;
}

/**
 * A table as Parquet.
 * @param {import("./tables.js").Table} table
 * @param {Record<string, any>} from  its provenance
 * @returns {Uint8Array}
 */
export function parquetFile({ columns }, from) {
  const written = Object.entries(from).map(([name, value]) => [
    name,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return parquet(columns, Object.fromEntries(written));
}

/**
 * The name of a file: what it holds, and of what.
 * @param {import("./model.js").Model} model
 * @param {string} content
 * @param {string} extension
 * @returns {string}
 */
export function fileName({ scene: { setting } }, content, extension) {
  const { model, prompt, messages, position, site, direction } = setting;
  const said = messages ? messages.at(-1).content : prompt;
  const parts = [model.name.split("/").at(-1), said, `token-${position}`, site, direction.spec ?? direction.label];
  return `${[content, ...parts].map(slug).filter(Boolean).join("_")}.${extension}`;
}

function slug(text) {
  const words = text.normalize("NFKD").replace(/\p{M}/gu, "").replace(/[^\p{L}\p{N}]+/gu, "-");
  return [...words].slice(0, LONGEST_NAME).join("").replace(/^-+|-+$/g, "");
}

/**
 * Hand a file to the person.
 * @param {string} name
 * @param {BlobPart} content
 * @param {string} type
 */
export function download(name, content, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  // the browser reads it after this turn
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
