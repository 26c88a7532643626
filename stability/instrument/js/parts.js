// The parts of the instrument, in the order in which they are read and reached by the Tab key.

import { epsilon } from "./epsilon.js";
import { next } from "./next.js";
import { pushes } from "./pushes.js";
import { ray } from "./ray.js";
import { scrubber } from "./scrubber.js";
import { shares } from "./shares.js";
import { spectrum } from "./spectrum.js";
import { strip } from "./strip.js";

/** @type {Record<string, (instrument: import("./instrument.js").Instrument) => import("./instrument.js").Part>} */
export const PARTS = { strip, epsilon, ray, shares, scrubber, next, spectrum, pushes };
