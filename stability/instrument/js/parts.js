// The parts of the instrument, in the order in which they are read and reached by the Tab key.

import { epsilon } from "./epsilon.js";
import { ray } from "./ray.js";
import { region } from "./region.js";
import { scrubber } from "./scrubber.js";
import { shares } from "./shares.js";
import { tools } from "./tools.js";

/** @type {Record<string, (instrument: import("./instrument.js").Instrument) => import("./instrument.js").Part>} */
export const PARTS = { tools, epsilon, ray, shares, scrubber, region };
