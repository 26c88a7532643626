// The address of the page, in which the browser's part of a link stands beside the server's, and the ways
// to other pages.

/** Links in the side bar lead to other pages. */
const PAGE_LINK = '[data-testid="stSidebarNavLink"]';

/**
 * The link by which a person's click leaves the page; none where it opens a tab or a window of its own.
 * @param {MouseEvent} event
 * @returns {HTMLElement | null}
 */
export function linkToLeaveBy(event) {
  const isOwn = !event.isTrusted || event.ctrlKey || event.metaKey || event.shiftKey;
  return isOwn ? null : (event.target.closest?.(PAGE_LINK) ?? null);
}

/**
 * Write the parts of a view into the address; what else it says stays.
 * @param {Record<string, string | null>} parts as a view encodes them; null for one that need not be named
 */
export function writeInAddress(parts) {
  const { pathname, search, hash } = location;
  const before = String(new URLSearchParams(search));
  const link = new URLSearchParams(search);
  for (const [name, text] of Object.entries(parts)) {
    if (text === null) link.delete(name);
    else link.set(name, text);
  }
  const after = String(link);
  if (after !== before) history.replaceState(history.state, "", pathname + (after && `?${after}`) + hash);
}
