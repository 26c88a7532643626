// The parts of the instrument, in the order in which they are read and reached by the Tab key.

/** @type {Record<string, (instrument: import("./instrument.js").Instrument) => import("./instrument.js").Part>} */
export const PARTS = {};
