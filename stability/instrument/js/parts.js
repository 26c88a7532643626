// The parts of the instrument, in the order in which they are read and reached by the Tab key.

import { epsilon } from "./epsilon.js";
import { ray } from "./ray.js";
import { scrubber } from "./scrubber.js";
import { shares } from "./shares.js";

/** @type {Record<string, (instrument: import("./instrument.js").Instrument) => import("./instrument.js").Part>} */
export const PARTS = { epsilon, ray, shares, scrubber };
