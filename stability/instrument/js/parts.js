// The parts of the instrument, in the order in which they are read and reached by the Tab key.

import { about } from "./about.js";
import { compare } from "./compare.js";
import { epsilon } from "./epsilon.js";
import { everything } from "./everything.js";
import { glossary } from "./glossary.js";
import { next } from "./next.js";
import { notices } from "./notices.js";
import { headline } from "./numbers.js";
import { pushes } from "./pushes.js";
import { ray } from "./ray.js";
import { region } from "./region.js";
import { scrubber } from "./scrubber.js";
import { shares } from "./shares.js";
import { spectrum } from "./spectrum.js";
import { strip } from "./strip.js";
import { tools } from "./tools.js";
import { verdict } from "./verdict.js";

/** @type {Record<string, (instrument: import("./instrument.js").Instrument) => import("./instrument.js").Part>} */
export const PARTS = {
  about,
  strip,
  verdict,
  tools,
  numbers: headline,
  epsilon,
  ray,
  shares,
  scrubber,
  region,
  next,
  spectrum,
  pushes,
  compare,
  everything,
  glossary,
  notices,
};
