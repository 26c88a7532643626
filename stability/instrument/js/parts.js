// The parts of the instrument, in the order in which they are read and reached by the Tab key.

import { about } from "./about.js";
import { compare } from "./compare.js";
import { everything } from "./everything.js";
import { glossary } from "./glossary.js";
import { headline } from "./numbers.js";
import { region } from "./region.js";
import { verdict } from "./verdict.js";

/** @type {Record<string, (instrument: import("./instrument.js").Instrument) => import("./instrument.js").Part>} */
export const PARTS = { about, verdict, numbers: headline, region, everything, compare, glossary };
