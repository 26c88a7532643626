// Nodes of the page, made once and then changed in place, so that focus, hover and zoom stay. Text is
// set as text: nothing that a model writes is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element.
 * @param {string} name
 * @param {Record<string, unknown>} [attributes]  see `set`
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function html(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  node.append(...children);
  return set(node, attributes);
}

/**
 * An SVG element.
 * @param {string} name
 * @param {Record<string, unknown>} [attributes]  see `set`
 * @param {...(Node | string)} children
 * @returns {SVGElement}
 */
export function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  node.append(...children);
  return set(node, attributes);
}

/**
 * Set attributes where they differ: null, undefined and false take one away, and the names `onclick`
 * and the like set listeners.
 * @template {Element} N
 * @param {N} node
 * @param {Record<string, unknown>} attributes
 * @returns {N}
 */
export function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      node[name] = value;
    } else if (value === null || value === undefined || value === false) {
      if (node.hasAttribute(name)) node.removeAttribute(name);
    } else {
      const written = value === true ? "" : String(value);
      if (node.getAttribute(name) !== written) node.setAttribute(name, written);
    }
  }
  return node;
}

/**
 * Set the text of a node where it differs.
 * @template {Element} N
 * @param {N} node
 * @param {string} text
 * @returns {N}
 */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
  return node;
}

/**
 * Give a parent one child for each item, and change the children that are there in place.
 * @template T
 * @param {Element} parent  holds nothing else
 * @param {readonly T[]} items
 * @param {(item: T, index: number) => Element} make  a new child
 * @param {(child: any, item: T, index: number) => void} change  what is drawn of the item
 */
export function each(parent, items, make, change) {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  items.forEach((item, index) => {
    if (!parent.children[index]) parent.append(make(item, index));
    change(parent.children[index], item, index);
  });
}

/**
 * A place that scrolls where its content is wide, by keys too.
 * @param {string} name
 * @param {Node} content
 * @returns {HTMLElement}
 */
export function scrolling(name, content) {
  return html("div", { class: "scrolls", tabindex: 0, role: "region", "aria-label": name }, content);
}
