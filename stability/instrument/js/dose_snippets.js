// A dose as text that computes it again: a Python program with the library's public names, and a command line.

import { digits, natsText } from "./format.js";
import { dtypeOf, loadLine, namedModel, optionsText, promptLines, pythonText, shellText } from "./snippets.js";

/** The file of a vector that came from none, as it is saved, or as the command line makes it. */
export const VECTOR_FILE = "vector.npy";

/**
 * A Python program that prints the shown doses, each beside the shown one in a comment.
 * @param {import("./dose_model.js").DoseModel} model
 * @returns {string}
 */
export function dosePython(model) {
  const { setting, epsilons } = model.scene;
  const { vector, positions } = setting;
  const [low, high] = model.sides.map(({ distance }) => digits(distance));
  const said = `predicted ${digits(model.predicted)}, minus ${low}, plus ${high} at ${natsText(model.view.epsilon)}`;
  const settings = [`site=${pythonText(vector.site)}`, `positions=${pythonValue(positions)}`, `mode=${pythonText(vector.mode)}`];
  return [
    ...(isGiven(vector) ? [...DECODING, "import numpy as np", ""] : []),
    "import stability",
    "",
    ...promptLines(setting),
    ...vectorLines(vector),
    `dose = stability.dose(lm, vector, prompt, ${settings.join(", ")})`,
    `for budget in dose.budgets([${epsilons.map(pythonFloat).join(", ")}]):`,
    `    print(budget)  # ${model.view.statistic}: ${said}`,
    "",
  ].join("\n");
}

const DECODING = ["import io", "from base64 import b64decode", ""];

/** Whether the vector is numbers, with nothing that makes it again. */
function isGiven({ source: { pairs, file } }) {
  return !pairs && !file;
}

function pythonFloat(value) {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function vectorLines({ source, npy }) {
  if (source.pairs) {
    const [positive, negative] = source.pairs;
    return [
      `positive = ${pythonTexts(positive)}`,
      `negative = ${pythonTexts(negative)}`,
      `made = stability.contrast_vector(lm, positive, negative, ${pythonText(source.site)}, ${pythonText(source.method)})`,
      `vector = made.vectors[${pythonText(source.site)}]`,
    ];
  }
  if (source.file) return [`vector = ${pythonText(fileAddress(source))}  # the file that was given`];
  return [`vector = np.load(io.BytesIO(b64decode(${pythonText(npy ?? "")})))`];
}

/** A file, and the vector of it that is meant. */
function fileAddress({ file, name }) {
  return name === null || name === undefined ? file : `${file}#${name}`;
}

function pythonTexts(texts) {
  return `[\n${texts.map((text) => `    ${pythonText(text)},`).join("\n")}\n]`;
}

function pythonValue(value) {
  return typeof value === "string" ? pythonText(value) : JSON.stringify(value);
}

/**
 * The command line that prints the shown doses, for a POSIX shell; where the vector came from no file,
 * it makes one first.
 * @param {import("./dose_model.js").DoseModel} model
 * @returns {string | null} null where it cannot be asked for on a command line
 */
export function doseCommandLine({ scene: { setting } }) {
  const { model, vector, positions, prompt, messages } = setting;
  if (messages || prompt.includes("\0") || (!vector.source.file && !vector.npy)) return null;
  const options = [
    ["model", namedModel(model)],
    ["dtype", dtypeOf(model)],
    ["site", vector.site],
    ["positions", typeof positions === "string" ? positions : positions.join(",")],
    ["mode", vector.mode],
    ["prompt", prompt],
  ];
  const { source } = vector;
  const file = source.file ? fileAddress(source) : VECTOR_FILE;
  const given = optionsText(options);
  const command = ["python -m stability dose", ...given, "--", shellText(file)].join(" ");
  return source.file ? command : `${makingCommand(setting)}\n${command}`;
}

/** The command that writes the vector's file. No line of it can be its END: texts are quoted. */
function makingCommand(setting) {
  const isMade = !isGiven(setting.vector);
  return [
    "python - <<'END'",
    ...(isMade ? [] : DECODING),
    "import numpy as np",
    ...(isMade ? ["", "import stability", "", loadLine(setting.model)] : [""]),
    ...vectorLines(setting.vector),
    `np.save(${pythonText(VECTOR_FILE)}, vector)`,
    "END",
  ].join("\n");
}
