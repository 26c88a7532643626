// A report of one page: what was found, the figures, the numbers, what each number is, the exact setting,
// and how to cite. It is a file of its own that prints on A4 and on letter.

import { boundaryText, bracketText, digits, errorText, length } from "./format.js";
import { markup } from "./markup.js";
import { pythonSnippet } from "./snippets.js";
import { provenance } from "./takeaway.js";

const STYLE = `
  @page { size: auto; margin: 9mm 13mm }
  body { font: 8pt/1.3 "Source Sans 3", "Source Sans Pro", "Helvetica Neue", Arial, sans-serif; color: #1f2328;
    background: #fff; max-width: 184mm; margin: 6mm auto; padding: 0 4mm; font-variant-numeric: tabular-nums }
  h1 { font-size: 14pt; margin: 0 0 1mm } h2 { font-size: 9pt; margin: 2mm 0 0.5mm }
  p { margin: 0 0 1.5mm } .quiet { color: #57606a } .verdict { font-size: 9.5pt; border-left: 2pt solid #0072b2; padding-left: 3mm }
  .prompt { white-space: pre-wrap; overflow-wrap: anywhere; font-family: ui-monospace, "Liberation Mono", monospace; font-size: 8pt;
    background: #f3f4f6; padding: 1mm 2mm }
  .figures { width: 80%; margin: 0 auto; display: grid; grid-template-columns: 63fr 37fr; gap: 1mm 3mm; align-items: start }
  .figures figure { margin: 0 } .figures figure:nth-child(3) { grid-area: 1 / 2 / 3 / 3 }
  .figures svg { width: 100%; height: auto; display: block }
  .columns { display: grid; grid-template-columns: 1fr 1fr; gap: 6mm }
  table { border-collapse: collapse; width: 100% } td, th { text-align: left; font-weight: 400; padding: 0.2mm 0; vertical-align: top;
    border-bottom: 0.5pt solid #d8dee4; overflow-wrap: anywhere } th { color: #57606a; padding-right: 3mm; white-space: nowrap }
  pre { font: 6.4pt/1.25 ui-monospace, "Liberation Mono", monospace; background: #f3f4f6; padding: 1.5mm 2mm; margin: 0; white-space: pre-wrap; overflow-wrap: anywhere }
  section, figure { break-inside: avoid } @media print { body { margin: 0; padding: 0; max-width: none } }`;

const MEANING = {
  exact: "the root of KL(t) = ε, exact: at this vector the logits are linear, and KL along a ray is log E_p[exp(t·a)]",
  sampled: "the first crossing of KL(t) = ε, found numerically: the network is run at points of the ray",
  "closed form": "not computed yet",
};

/**
 * The report of a model.
 * @param {import("./model.js").Model} model
 * @param {{verdict: string, figures: string[], link: string | null}} with  what the page says of it, its
 *     figures as SVG, and the link that shows it
 * @returns {string} HTML
 */
export function report(model, { verdict, figures, link }) {
  const { setting } = model.scene;
  const title = `Stable region: ${setting.model.title}, ${setting.direction.label}`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${markup(title)}</title>
<style>${STYLE}</style>
<h1>Stable region of a next-token prediction</h1>
<p class="quiet">${markup(setting.model.title)}, ${markup(setting.site)}, after token ${setting.position} of the prompt, along ${markup(setting.direction.label)}</p>
<p class="prompt">${markup(asked(setting))}</p>
<p class="verdict">${markup(verdict)}</p>
<div class="figures">${figures.map((figure) => `<figure>${figure}</figure>`).join("\n")}</div>
<div class="columns">
<div><section><h2>Numbers at ε = ${digits(model.view.epsilon)} nats</h2>${rows(numbers(model))}</section>
<section><h2>To cite</h2><pre>${markup(citation(setting.version))}</pre></section></div>
<div><section><h2>Setting</h2>${rows(settingRows(model, link))}</section>
<section><h2>What each number is</h2>${meanings(model)}</section></div>
</div>
<section><h2>To compute it again</h2><pre>${markup(pythonSnippet(model))}</pre></section>
</html>
`;
}

function asked({ prompt, messages }) {
  return messages ? messages.map(({ role, content }) => `${role}: ${content}`).join("\n") : prompt;
}

function rows(pairs) {
  const lines = pairs.map(([name, value]) => `<tr><th scope="row">${markup(name)}</th><td>${markup(value)}</td></tr>`);
  return `<table>${lines.join("")}</table>`;
}

function numbers({ scene, line, sides, predicted, unit }) {
  const { entropy, margin, nearest_flip: nearest } = scene.numbers;
  const long = (value) => length(value, unit);
  const ofLine = line
    ? [
        ["closed form, both sides", long(predicted)],
        ...sides.flatMap((side) => sideRows(side, line, predicted, unit)),
      ]
    : [["closed form", "no curvature along this direction"]];
  return [
    ...ofLine,
    ["nearest other token, any direction", nearest ? `${nearest.text} at ${long(nearest.distance)}` : "–"],
    ["entropy", `${digits(entropy)} nats`],
    ["margin", `${digits(margin)} nats`],
    ["length of the vector", digits(scene.setting.norm)],
  ];
}

function sideRows({ sign, boundary, bracket, flips }, line, predicted, unit) {
  const name = sign > 0 ? "+ side" : "− side";
  const [flip] = flips;
  return [
    [`${name}: actual`, boundaryText(boundary, unit)],
    [`${name}: closed form is`, errorText(predicted, boundary)],
    [`${name}: certified`, bracket ? bracketText(bracket, unit) : "no certificate here"],
    [`${name}: first flip`, flip ? `${line.texts[flip[1]]} at ${length(flip[0], unit)}` : "none in reach"],
  ];
}

function settingRows(model, link) {
  const from = provenance(model, link);
  const { versions, messages, prompt, pins, link: shown, ...named } = from;
  const told = Object.entries(named).filter(([, value]) => value !== null && value !== undefined);
  const numbersOf = Object.entries(versions).map(([name, number]) => `${name} ${number}`);
  return [
    ...told.map(([name, value]) => [name, typeof value === "number" ? String(value) : value]),
    ["versions", numbersOf.join(", ")],
    ...(shown ? [["link", shown]] : []),
  ];
}

function meanings({ scene }) {
  const kind = scene.line?.kind ?? "closed form";
  return `<p><b>Closed form</b>: r = √(2ε / vᵀHv), H the Fisher information of the logits' softmax, pulled back to the vector;
the first term of KL(t) = ½ t² vᵀHv + …, an estimate. <b>Actual</b>: ${markup(MEANING[kind])}. <b>Certified</b>: bounds that hold whatever
the third and higher terms are, from the variance and the extreme slopes (self-concordance) and from single tokens; only where the logits are
linear. <b>Flip</b>: where another token becomes the most likely. Lengths are in the vector's own coordinates unless they carry %, KL and
entropy in nats.</p>`;
}

/**
 * How to cite the instrument, as BibTeX.
 * @param {string} version
 * @returns {string}
 */
export function citation(version) {
  return `@software{stability,
  author = {{The stability contributors}},
  title  = {stability: the stable region of a language model's prediction},
  year   = {2026},
  note   = {Version ${version}},
}`;
}
