// In the page: the milliseconds from an event of the hand to the frame that shows its answer.

/** Milliseconds after which no answer is expected. */
const PATIENCE = 180_000;

globalThis.latency = {
  /** When the last event of the hand came, on the clock of the page. */
  began: 0,

  /**
   * Wait for an answer: called at each frame, until it says that the page shows it. The frame after
   * that begins when the one with the answer has been painted.
   */
  painted(isShown) {
    return new Promise((done, failed) => {
      const until = performance.now() + PATIENCE;
      const look = () => {
        if (isShown()) requestAnimationFrame((now) => done(now - this.began));
        else if (performance.now() > until) failed(new Error("no answer"));
        else requestAnimationFrame(look);
      };
      look();
    });
  },
};

for (const kind of ["keydown", "pointerdown", "click", "change"]) {
  addEventListener(kind, (event) => (globalThis.latency.began = event.timeStamp), { capture: true });
}
