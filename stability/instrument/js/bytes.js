// Tokens that are parts of characters, as models spell them: ⟨F0⟩⟨9F⟩. With their neighbours they make
// a text.

const PARTS = /^(?:⟨(?:[0-9A-F]{2})+⟩)+$/;

/**
 * The text that a token of bytes is a part of.
 * @param {string[]} texts  of all tokens, spelled
 * @param {number} index
 * @returns {string | null} null where it is none, or they make no text
 */
export function wholeText(texts, index) {
  if (!PARTS.test(texts[index])) return null;
  let [first, last] = [index, index];
  while (first > 0 && PARTS.test(texts[first - 1])) first -= 1;
  while (last + 1 < texts.length && PARTS.test(texts[last + 1])) last += 1;
  const pairs = texts.slice(first, last + 1).join("").match(/[0-9A-F]{2}/g);
  try {
    const bytes = Uint8Array.from(pairs, (pair) => parseInt(pair, 16));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
