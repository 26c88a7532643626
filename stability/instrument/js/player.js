// Playing: t moves from one end of the ray to the other, or where motion is unwelcome, steps.

import { rayAxes } from "./axes.js";

/** Milliseconds from end to end; steps, and milliseconds of each, where motion is unwelcome. */
const DURATION = 8000;
const STEPS = 16;
const STEP_TIME = 600;

/**
 * What plays t.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {(isPlaying: boolean) => void} tell
 * @returns {{toggle: () => void, stop: () => void}}
 */
export function player(instrument, tell) {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let last = null;
  let set = null;

  function advance(now) {
    if (last === null) return;
    const model = instrument.model();
    const axes = model && rayAxes(instrument, model);
    // another hand has taken it, or there is nothing left to play on
    if (!axes || !instrument.root.isConnected || instrument.view().t !== set) return stop();
    const [low, high] = axes.ends;
    const passed = now - last;
    if (!still.matches || passed >= STEP_TIME) {
      const share = still.matches ? 1 / STEPS : passed / DURATION;
      move(Math.min(set + share * (high - low), high));
      last = now;
      if (set >= high) return stop();
    }
    requestAnimationFrame(advance);
  }

  function move(t) {
    set = t;
    instrument.change({ t, point: null });
  }

  function stop() {
    last = null;
    tell(false);
  }

  function toggle() {
    if (last !== null) return stop();
    const axes = instrument.model() && rayAxes(instrument, instrument.model());
    if (!axes) return;
    const { t } = instrument.view();
    const isAtEnd = t >= axes.ends[1] - 1e-3 * (axes.ends[1] - axes.ends[0]);
    move(isAtEnd || t < axes.ends[0] || t === 0 ? axes.ends[0] : t);
    last = performance.now();
    tell(true);
    requestAnimationFrame(advance);
  }
  tell(false);
  return { toggle, stop };
}
