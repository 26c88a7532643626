// The instrument as one file that needs no server: all scripts, the style, and the scene as it is. What
// the browser computes moves in it as before; what needs the model is told to be asked for elsewhere.

import { inScript, markup } from "./markup.js";

/** In a saved page, where the scripts end and the page's own lines begin. */
const END = "// the saved page";
const PLACE = "instrument-scripts";
const ASKED = "This is a saved page: ε, t, units and view can be changed; another token or direction needs the program.";
const BODY = "margin: 0 auto; max-width: 1140px; padding: 1rem; background: #fff; color: #1f2328";
const DARK = "@media (prefers-color-scheme: dark) { body { background: #0e1117 !important; color: #e6e6e6 } }";

/** The text of all scripts, which is that of the module in which this stands; null where it is not one. */
const scripts = ownText();

async function ownText() {
  const saved = document.getElementById(PLACE)?.textContent;
  if (saved) return saved.slice(0, saved.lastIndexOf(END));
  try {
    // at once: the address of a module may be withdrawn when it has been read
    const text = await (await fetch(import.meta.url)).text();
    return /^const \$instrument = /m.test(text) ? text : null;
  } catch {
    return null;
  }
}

/**
 * A page that shows a model, or some of its areas, without a server.
 * @param {import("./model.js").Model} model
 * @param {HTMLElement} root      of the instrument, whose style the page takes
 * @param {string} title
 * @param {string[] | null} areas   null: all
 * @returns {Promise<string | null>} null where the scripts cannot be read
 */
export async function livePage({ scene, view }, root, title, areas) {
  const text = await scripts;
  if (!text) return null;
  const saved = { scene: { ...scene, status: null }, view };
  const kept = areas?.map((area) => `[data-area="${area}"]`).join(", ");
  const only = kept ? `.sheet > :not(${kept}) { display: none } .instrument .sheet { display: block }` : "";
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${markup(title)}</title>
<style>body { ${BODY} } ${DARK}
${styleOf(root)}
${only}</style>
<main id="instrument"></main>
<script type="application/json" id="saved">${inScript(saved)}<\/script>
<script type="module" id="${PLACE}">${text}${END}
const saved = JSON.parse(document.getElementById("saved").textContent);
let noted = 0;
const asked = () => shown.receive({ ...saved.scene, notes: [${JSON.stringify(ASKED)}], noted: (noted += 1) });
const shown = $instrument.mount(document.getElementById("instrument"), { send: asked }, saved.view);
shown.receive(saved.scene);
<\/script>
</html>
`;
}

/**
 * The rules of the instrument's style, wherever the host has put them.
 * @param {HTMLElement} root
 * @returns {string}
 */
export function styleOf(root) {
  const place = root.getRootNode();
  const sheets = [...place.styleSheets, ...(place.adoptedStyleSheets ?? [])];
  const texts = sheets.map(rulesOf).filter((rules) => rules.includes(".instrument"));
  return texts.join("\n").replaceAll("</style", "<\\/style");
}

function rulesOf(sheet) {
  // as it was written: browsers lose a shorthand with a variable where a part of it is set again
  if (sheet.ownerNode?.textContent) return sheet.ownerNode.textContent;
  try {
    return [...sheet.cssRules].map((rule) => rule.cssText).filter((rule) => rule.includes(".instrument")).join("\n");
  } catch {
    // the rules of another's server are not for us to read
    return "";
  }
}
