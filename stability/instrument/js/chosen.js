// The chosen tokens, whose joint probability is shown.

/**
 * Choose a token, or let it go.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {number} id
 */
export function toggleChosen(instrument, id) {
  const { chosen } = instrument.view();
  const rest = chosen.filter((other) => other !== id);
  instrument.change({ chosen: rest.length < chosen.length ? rest : [...chosen, id] });
}

/**
 * The joint probability of the chosen tokens.
 * @param {import("./model.js").Model} model
 * @param {number[]} ids  of the probabilities
 * @param {number[]} probabilities
 * @returns {number | null} null where none is chosen, or one of them is not known
 */
export function jointProbability({ view }, ids, probabilities) {
  const places = view.chosen.map((id) => ids.indexOf(id));
  if (!places.length || places.includes(-1)) return null;
  return places.reduce((sum, place) => sum + probabilities[place], 0);
}
