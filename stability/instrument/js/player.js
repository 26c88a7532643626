// Playing: t moves from one end of the ray to the other, or where motion is unwelcome, steps.

import { rayAxes } from "./axes.js";

/** Milliseconds from end to end; steps, and milliseconds of each, where motion is unwelcome. */
const DURATION = 8000;
const STEPS = 16;
const STEP_TIME = 600;
/** Of the width: from here on it has been played. */
const AT_END = 1e-3;

/**
 * What plays t.
 * @param {import("./instrument.js").Instrument} instrument
 * @param {(isPlaying: boolean) => void} tell
 * @returns {{toggle: () => void, stop: () => void}}
 */
export function player(instrument, tell) {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let last = null;
  let played = null;

  function move(t, now) {
    [played, last] = [t, now];
    instrument.change({ t, point: null });
  }

  function advance(now) {
    if (last === null) return;
    const ends = playedEnds(instrument);
    // another hand has taken it, or there is nothing left to play on
    const isOver = !ends || !instrument.root.isConnected || instrument.view().t !== played;
    if (isOver || played >= ends[1]) return stop();
    const share = still.matches ? Math.floor((now - last) / STEP_TIME) / STEPS : (now - last) / DURATION;
    if (share > 0) move(Math.min(played + share * (ends[1] - ends[0]), ends[1]), now);
    requestAnimationFrame(advance);
  }

  function stop() {
    last = null;
    tell(false);
  }

  function toggle() {
    const ends = playedEnds(instrument);
    if (last !== null || !ends) return stop();
    const { t } = instrument.view();
    const isUnderWay = t !== 0 && t >= ends[0] && t < ends[1] - AT_END * (ends[1] - ends[0]);
    move(isUnderWay ? t : ends[0], performance.now());
    tell(true);
    requestAnimationFrame(advance);
  }
  tell(false);
  return { toggle, stop };
}

function playedEnds(instrument) {
  const model = instrument.model();
  return model && rayAxes(instrument, model)?.ends;
}
