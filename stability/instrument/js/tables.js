// The tables behind the picture, in long form: one row a fact, numbers as numbers, lengths in the
// vector's own coordinates, divergences and entropies in nats. A `ray` of 0 is the one that is drawn, of
// 1, 2, … one that was pinned.

import { sides } from "./model.js";
import { EPSILON_STEPS } from "./steps.js";

/** Points of a ray's curve. */
const POINTS = 401;
/** Of them, those at which probabilities are told: every token has a row at each. */
const PROBABILITY_STRIDE = 4;

/**
 * @typedef {object} Table
 * @property {string} name     in file names
 * @property {string} title    for people
 * @property {import("./parquet.js").Column[]} columns
 */

/**
 * All tables of a model that have a row.
 * @param {import("./model.js").Model} model
 * @returns {Table[]}
 */
export function tables(model) {
  const rays = [model, ...model.pins].map(({ scene, line }) => ({ scene, line }));
  return [
    table("boundaries", "Boundaries at every ε", BOUNDARIES, everyRay(rays, boundaryRows)),
    table("ray", "KL along the ray", CURVE, everyRay(rays, curveRows)),
    table("probabilities", "Probabilities along the ray", PROBABILITIES, everyRay(rays, probabilityRows)),
    table("flips", "Where the most likely token changes", FLIPS, everyRay(rays, flipRows)),
    table("region", "The region's edge at every angle", EDGE, edgeRows(model.scene.plane)),
    table("spectrum", "Spectrum", SPECTRUM, spectrumRows(model.scene.spectrum)),
    table("next_tokens", "Next tokens", NEXT, nextRows(model.scene.next)),
    table("tokens", "Tokens of the prompt, at the readout", TOKENS, tokenRows(model)),
    table("numbers", "Numbers", NUMBERS, numberRows(model)),
  ].filter(({ columns }) => columns[0].values.length);
}

const BOUNDARIES = {
  ...{ ray: "integer", epsilon: "number", side: "text", predicted: "number", actual: "number", kind: "text" },
  ...{ certified_inner: "number", certified_outer: "number" },
  ...{ calibrated: "number", calibrated_low: "number", calibrated_high: "number" },
};
const CURVE = { ray: "integer", t: "number", kl: "number", closed_form: "number", argmax_id: "integer" };
const PROBABILITIES = { ray: "integer", t: "number", id: "integer", text: "text", probability: "number" };
const FLIPS = { ray: "integer", side: "text", order: "integer", distance: "number", id: "integer", text: "text" };
const EDGE = { epsilon: "number", degrees: "number", distance: "number" };
const SPECTRUM = { rank: "integer", eigenvalue: "number", share: "number" };
const NEXT = { rank: "integer", id: "integer", text: "text", probability: "number" };
const TOKENS = {
  ...{ index: "integer", id: "integer", text: "text", role: "text" },
  ...{ shortest_radius: "number", norm: "number", entropy: "number" },
};
const NUMBERS = { name: "text", value: "number", unit: "text" };

/** A table of rows, each an object with some of the columns; what it lacks is null. */
function table(name, title, types, rows) {
  const columns = Object.entries(types).map(([column, type]) => ({
    name: column,
    type,
    values: rows.map((row) => known(row[column])),
  }));
  return { name, title, columns };
}

function known(value) {
  return value === undefined || (typeof value === "number" && !Number.isFinite(value)) ? null : value;
}

function everyRay(rays, rowsOf) {
  return rays.flatMap(({ scene, line }, ray) =>
    line ? rowsOf(line, scene).map((row) => ({ ray, ...row })) : [],
  );
}

function boundaryRows(line, { numbers }) {
  return EPSILON_STEPS.flatMap((epsilon) => {
    const calibrated = numbers.calibrated?.find((one) => one.epsilon === epsilon);
    const predicted = line.predictedRadius(epsilon);
    return sides(line, epsilon).map(({ sign, boundary, bracket }) => {
      const [value, low, high] = calibrated?.[sideName(sign)] ?? [];
      return {
        ...{ epsilon, side: sideName(sign), predicted, actual: boundary.distance, kind: boundary.kind },
        ...{ certified_inner: bracket?.[0], certified_outer: bracket?.[1] },
        ...{ calibrated: value, calibrated_low: low, calibrated_high: high },
      };
    });
  });
}

function curvePoints({ reach: [minus, plus] }) {
  return Array.from({ length: POINTS }, (_, i) => -minus + ((minus + plus) * i) / (POINTS - 1));
}

function curveRows(line) {
  return curvePoints(line).map((t) => ({
    ...{ t, kl: line.kl(t), closed_form: line.quadratic(t), argmax_id: line.ids[line.winner(t)] },
  }));
}

function probabilityRows(line) {
  const points = curvePoints(line).filter((_, i) => i % PROBABILITY_STRIDE === 0);
  return points.flatMap((t) =>
    line.probabilities(t).map((probability, place) => ({
      ...{ t, id: line.ids[place], text: line.texts[place], probability },
    })),
  );
}

function flipRows(line) {
  return line.flips.flatMap((side, index) =>
    side.map(([distance, place], order) => ({
      ...{ side: sideName(index ? 1 : -1), order, distance },
      ...{ id: line.ids[place], text: line.texts[place] },
    })),
  );
}

function edgeRows(plane) {
  if (!plane) return [];
  return plane.levels.flatMap((epsilon, level) =>
    plane.log_distances.map((levels, angle) => ({
      ...{ epsilon, degrees: (plane.angles[angle] * 180) / Math.PI },
      distance: levels[level] === null ? null : Math.exp(levels[level]),
    })),
  );
}

function spectrumRows({ eigenvalues, trace }) {
  return eigenvalues.map((eigenvalue, rank) => ({ rank, eigenvalue, share: eigenvalue / trace }));
}

function nextRows(next) {
  return next.map(({ id, text, probability }, rank) => ({ rank, id, text, probability }));
}

function tokenRows({ scene, view }) {
  return scene.tokens.map(({ radius, ...token }) => ({
    ...token,
    shortest_radius: radius === null ? null : radius * Math.sqrt(view.epsilon),
  }));
}

function numberRows({ scene: { numbers, setting, spectrum }, view, predicted }) {
  const [minus, plus] = numbers.trust ?? [];
  const rows = [
    ["epsilon", view.epsilon, "nats"],
    ["norm", setting.norm, "coordinates"],
    ["entropy", numbers.entropy, "nats"],
    ["margin", numbers.margin, "nats"],
    ["predicted_radius", predicted, "coordinates"],
    ["trace", spectrum.trace, "nats per squared coordinate"],
    ["trace_error", spectrum.trace_error, "nats per squared coordinate"],
    ["nearest_flip", numbers.nearest_flip?.distance, "coordinates"],
    ["token_constraint_bound", numbers.token_constraint_bound, "coordinates"],
    ["trust_minus", minus, "coordinates"],
    ["trust_plus", plus, "coordinates"],
    ...(numbers.cumulants ?? []).map((value, i) => [`cumulant_${i + 2}`, value, `nats per coordinate^${i + 2}`]),
  ];
  return rows.filter((row) => known(row[1]) !== null).map(([name, value, unit]) => ({ name, value, unit }));
}

/** The name of a side of the ray. */
function sideName(sign) {
  return sign > 0 ? "plus" : "minus";
}
