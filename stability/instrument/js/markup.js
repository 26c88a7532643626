// Text inside of a page that is written as text: it is shown, and never read as markup.

const NAMES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/**
 * A text as HTML that shows it.
 * @param {string | number} text
 * @returns {string}
 */
export function markup(text) {
  return String(text).replace(/[&<>"']/g, (character) => NAMES[character]);
}

/**
 * JSON in which no tag begins or ends.
 * @param {any} value
 * @returns {string}
 */
export function inScript(value) {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}
