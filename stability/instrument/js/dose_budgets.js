// The doses of every budget: predicted, and true on both sides, for each statistic over tokens.

import { predictedDose } from "./dose_law.js";
import { COEFFICIENT, trueSides } from "./dose_model.js";
import { DOSE_EPSILONS, STATISTICS } from "./dose_view.js";
import { boundaryText, digits } from "./format.js";
import { each, html, say, scrolling, set } from "./nodes.js";
import { watch } from "./watch.js";

const HEADINGS = ["nats", "over", "predicted ±", "true −", "true +"];

/**
 * The table of budgets.
 * @param {import("./instrument.js").Instrument} sheet
 * @returns {import("./instrument.js").Part}
 */
export function doseBudgets(sheet) {
  const body = html("tbody", { "data-testid": "budgets" });
  const head = html("tr", {}, ...HEADINGS.map((name) => html("th", { scope: "col" }, name)));
  const table = html("table", { class: "rows" }, html("thead", {}, head), body);
  const node = html("section", { "aria-label": "Budgets" }, html("p", { class: "figure-title" }, "Doses, in the vector's own coefficient"), scrolling("Budgets", table));
  const isNew = watch();
  return {
    node,
    draw({ scene, view }) {
      if (!isNew(scene, view.epsilon, view.statistic)) return;
      each(body, budgetRows(scene), () => html("tr"), (row, budget) => {
        const isChosen = budget.epsilon === view.epsilon && budget.statistic === view.statistic;
        set(row, { class: isChosen ? "chosen" : null, "aria-current": isChosen ? "true" : null });
        const sides = [budget.minus, budget.plus].map((side) =>
          side.kind === "not known" ? "…" : boundaryText(side, COEFFICIENT));
        const cells = [String(budget.epsilon), STATISTICS[budget.statistic], digits(budget.predicted), ...sides];
        each(row, cells, () => html("td"), say);
      });
    },
  };
}

/**
 * The budgets of a scene.
 * @param {any} scene
 * @returns {{epsilon: number, statistic: string, predicted: number | null, minus: any, plus: any}[]}
 */
export function budgetRows(scene) {
  return DOSE_EPSILONS.flatMap((epsilon) =>
    Object.keys(STATISTICS).map((statistic) => {
      const [minus, plus] = trueSides(scene, epsilon, statistic);
      return { epsilon, statistic, predicted: predictedDose(scene.information[statistic], epsilon), minus, plus };
    }),
  );
}
