// What is shown, as text that computes it again: a Python program with the library's public names, and a
// command line.

import { digits } from "./format.js";

/** The card of a state that comes from no model: it cannot be loaded again. */
const NO_MODEL = "bare";
/** Of the revision of a model of the hub, its commit; an adapter's base comes after it. */
const COMMIT = /^[0-9a-f]{40}(?=$|,)/;
/** Characters that leave no ink or reorder others: they are written as escapes. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** The same without the line feed, which a quoted argument may hold as it is. */
const UNSEEN_IN_A_LINE = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/u;

/**
 * A Python program that prints the shown numbers, each beside the shown one in a comment.
 * @param {import("./model.js").Model} model
 * @returns {string}
 */
export function pythonSnippet(model) {
  const { setting } = model.scene;
  const { epsilon, t } = model.view;
  return [
    ...imports(setting),
    "",
    ...state(setting),
    `spectrum = stability.spectrum(state, k=${pairs(model.scene)})`,
    ...direction(setting),
    "ray = stability.ray(state, direction)",
    "",
    `epsilon, t = ${epsilon}, ${t}  # nats, and the vector's own coordinates`,
    ...shown(model).map(([code, value]) => `print(${code})  # ${value}`),
    "",
  ].join("\n");
}

/**
 * The command line that prints the shown numbers, for a POSIX shell.
 * @param {import("./model.js").Model} model
 * @returns {string | null} null where it cannot be asked for on a command line
 */
export function commandLine(model) {
  const { setting } = model.scene;
  const { model: card, prompt, messages, position, site } = setting;
  const { spec } = setting.direction;
  const asked = messages ? JSON.stringify(messages) : prompt;
  if (card.name === NO_MODEL || !spec || `${asked}${spec}`.includes("\0")) return null;
  const options = [
    ["model", namedModel(card)],
    ["dtype", dtypeOf(card)],
    ["position", position],
    ["site", site],
    ["direction", spec],
    ["epsilon", model.view.epsilon],
  ];
  const given = optionsText(options);
  const form = messages ? ["--messages"] : [];
  return ["python -m stability analyze", ...given, ...form, "--", shellText(asked)].join(" ");
}

/** What is printed: the code, and the number on the screen. */
function shown({ line, predicted, sides, view }) {
  if (!line) return [["ray.curvature", "0: a direction without effect"]];
  const both = (one) => `minus ${one(sides[0])}, plus ${one(sides[1])}`;
  const bracket = ({ bracket: found }) => (found ? `${digits(found[0])} to ${digits(found[1])}` : "–");
  const next = ({ flips }) => (flips.length ? `${digits(flips[0][0])} ${line.texts[flips[0][1]]}` : "–");
  return [
    ["ray.predicted_radius(epsilon)", digits(predicted)],
    ["ray.boundary(epsilon)", both(({ boundary }) => digits(boundary.distance))],
    ["ray.certificate(epsilon)", both(bracket)],
    ["ray.flips(limit=1)", both(next)],
    ["ray.kl(t).item()", digits(line.kl(view.t))],
  ].map(([code, value]) => [code, pythonComment(value)]);
}

function imports({ direction: { spec, rank } }) {
  if (rank !== null) return ["import stability"];
  if (!spec) return ["import base64", "", "import numpy as np", "", "import stability"];
  return [
    "import stability",
    "from stability.curvature.direction_spec import DirectionSpec",
    "from stability.curvature.directions import resolve",
  ];
}

/** What a model's weights are held in; null where that is the default. */
export function dtypeOf({ dtype }) {
  return dtype === "float32" ? null : dtype;
}

/** The options of a command line that have a value. */
export function optionsText(options) {
  return options.filter(([, value]) => value !== null).map(([name, value]) => option(name, value));
}

/** The lines of Python that name a prompt and load a model. */
export function promptLines({ model, prompt, messages }) {
  const written = messages ? `stability.Conversation.of(${pythonList(messages)})` : pythonText(prompt);
  return [`prompt = ${written}`, loadLine(model)];
}

/** The line of Python that loads a model. */
export function loadLine(model) {
  const dtype = dtypeOf(model) === null ? "" : `, dtype=${pythonText(model.dtype)}`;
  return `lm = stability.load(${pythonText(namedModel(model))}${dtype})  # revision ${pythonComment(model.revision)}`;
}

function state(setting) {
  const { model, position, site } = setting;
  if (model.name === NO_MODEL) return ["state = ...  # the state that was explored: it has no model"];
  return [
    ...promptLines(setting),
    `state = lm.capture(prompt, position=${position}, site=${pythonText(site)})`,
  ];
}

/** The name by which the very same model is loaded: of one of the hub, at its commit. */
export function namedModel({ name, revision }) {
  const commit = COMMIT.exec(revision);
  return commit ? `${name.replace(/@.*/s, "")}@${commit[0]}` : name;
}

function direction({ direction: { spec, rank, label, vector } }) {
  const said = pythonComment(label);
  if (rank !== null) return [`direction = spectrum.vectors[:, ${rank}]  # ${said}`];
  if (!spec) return givenVector(vector, said);
  return [
    `spec = DirectionSpec.parse(${pythonText(spec)})  # ${said}`,
    "direction = resolve(spec, state, spectrum, lm).vector",
  ];
}

/** A vector that no written form names, by its numbers. */
function givenVector(vector, said) {
  const lines = vector.match(/.{1,88}/g).map((part) => `    "${part}"`);
  return [
    `# ${said}: a vector that was given, its numbers as float64 in base64`,
    "written = (",
    ...lines,
    ")",
    'direction = np.frombuffer(base64.b64decode(written), dtype="<f8").copy()',
  ];
}

/** As many as are shown, or as the direction, those it is turned towards, and the plane ask for. */
function pairs({ setting: { direction: { spec, rank }, second }, spectrum: { eigenvalues } }) {
  const named = [...(spec ?? "").matchAll(/turn:[^,]*,(\d+),(?:eig:(\d+)$)?/g)].flatMap((found) => found.slice(1));
  return Math.max(eigenvalues.length, ...[rank, second?.rank, ...named].map((k) => Number(k ?? -1) + 1));
}

export function pythonList(messages) {
  const turns = messages.map(
    ({ role, content }) => `    {"role": ${pythonText(role)}, "content": ${pythonText(content)}},`,
  );
  return `[\n${turns.join("\n")}\n]`;
}

/**
 * A text as a Python literal: that of JSON, with all that cannot be seen as escapes.
 * @param {string} text
 * @returns {string}
 */
export function pythonText(text) {
  // the escapes of JSON are Python's too
  return JSON.stringify(text).replace(UNSEEN, escaped);
}

/** A text that stays within its comment. */
export function pythonComment(text) {
  return String(text).replace(UNSEEN, escaped);
}

function escaped(character) {
  const code = character.codePointAt(0).toString(16);
  return code.length > 4 ? `\\U${code.padStart(8, "0")}` : `\\u${code.padStart(4, "0")}`;
}

/** An option and its value; one that begins with a dash is bound to its name. */
export function option(name, value) {
  const written = shellText(String(value));
  return String(value).startsWith("-") ? `--${name}=${written}` : `--${name} ${written}`;
}

/**
 * A text as one argument of a POSIX shell: bare, between quotes, or, where a terminal would swallow a
 * character, with escapes.
 * @param {string} text
 * @returns {string}
 */
export function shellText(text) {
  if (/^[\w.:,/@+][\w.:,/@+-]*$/.test(text)) return text;
  if (!UNSEEN_IN_A_LINE.test(text)) return `'${text.replaceAll("'", "'\\''")}'`;
  return `$'${text.replace(/[\\']/g, "\\$&").replace(UNSEEN, shellEscaped)}'`;
}

function shellEscaped(character) {
  const code = character.codePointAt(0);
  return code < 0x80 ? `\\x${code.toString(16).padStart(2, "0")}` : escaped(character);
}
