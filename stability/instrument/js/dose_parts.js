// The parts of a dose's sheet, in the order in which they are read and reached by the Tab key.

import { doseAbout } from "./dose_about.js";
import { doseAxis } from "./dose_axis.js";
import { doseBudgets } from "./dose_budgets.js";
import { doseControls } from "./dose_controls.js";
import { doseLayers } from "./dose_layers.js";
import { doseNumbers } from "./dose_numbers.js";
import { dosePrices } from "./dose_prices.js";
import { doseText } from "./dose_text.js";
import { doseTools } from "./dose_tools.js";
import { doseVerdict } from "./dose_verdict.js";
import { doseWriting } from "./dose_writing.js";
import { glossary } from "./glossary.js";
import { notices } from "./notices.js";

/** @type {Record<string, (sheet: import("./instrument.js").Instrument) => import("./instrument.js").Part>} */
export const DOSE_PARTS = {
  "dose-verdict": doseVerdict,
  "dose-tools": doseTools,
  "dose-numbers": doseNumbers,
  "dose-controls": doseControls,
  "dose-text": doseText,
  "dose-axis": doseAxis,
  "dose-prices": dosePrices,
  "dose-budgets": doseBudgets,
  "dose-layers": doseLayers,
  "dose-writing": doseWriting,
  "dose-about": doseAbout,
  glossary,
  notices,
};
