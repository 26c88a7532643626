// Sentences of three kinds of pieces: plain text, tokens, and words that explain themselves. One
// sentence is drawn as nodes, and read aloud as text.

import { changeWord, word } from "./glossary.js";
import { html, say } from "./nodes.js";

/**
 * @typedef {string | {token: string} | {term: string, text: string}} Piece
 */

/**
 * A sentence as plain text.
 * @param {Piece[]} pieces
 * @returns {string}
 */
export function plainText(pieces) {
  return pieces.map((piece) => (typeof piece === "string" ? piece : (piece.token ?? piece.text))).join("");
}

/**
 * A function that draws sentences in a node: pieces of the same kinds are changed in place.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {HTMLElement} node
 * @returns {(pieces: Piece[]) => void}
 */
export function speaker(instrument, node) {
  let shape = "";
  return (pieces) => {
    const kinds = pieces.map(pieceKind).join("");
    if (kinds !== shape) node.replaceChildren(...pieces.map((piece) => makePiece(instrument, piece)));
    shape = kinds;
    pieces.forEach((piece, i) => changePiece(node.children[i], piece));
  };
}

function pieceKind(piece) {
  if (typeof piece === "string") return "s";
  return piece.token === undefined ? "w" : "t";
}

function makePiece(instrument, piece) {
  if (typeof piece === "string") return html("span");
  return piece.token === undefined
    ? word(instrument, piece.term, piece.text)
    : html("bdi", { class: "token" });
}

function changePiece(node, piece) {
  if (typeof piece === "string") say(node, piece);
  else if (piece.token === undefined) changeWord(node, piece.term, piece.text);
  else say(node, piece.token);
}
