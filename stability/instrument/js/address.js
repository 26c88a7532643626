// The address of the page, in which the browser's part of a link stands beside the server's.

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
