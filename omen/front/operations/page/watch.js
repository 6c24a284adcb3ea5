// What runs while the page is looked at: it stops when the tab is hidden, and costs nothing then.

import { ApiError } from "./api.js";

const LONGEST_PAUSE = 10_000;

/**
 * Call `work` again and again while the page is seen, with a pause after each call. After errors of
 * the gateway the pauses get longer. `work` gets a signal that aborts when the page is hidden.
 */
export class Watch {
  constructor(work, pauseMs, onError) {
    this.work = work;
    this.pauseMs = pauseMs;
    this.onError = onError;
    this.running = null;
  }

  start() {
    if (this.running) return;
    this.running = new AbortController();
    this.#run(this.running.signal);
  }

  stop() {
    this.running?.abort();
    this.running = null;
  }

  async #run(signal) {
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.work(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        if (error instanceof ApiError) this.onError(error);
        else console.error(error); // a bug; what comes next may be drawn all the same
      }
      const pause = Math.min(LONGEST_PAUSE, this.pauseMs * 2 ** Math.min(failures, 4));
      await sleep(
        failures ? Math.max(pause, Math.min(this.pauseMs, LONGEST_PAUSE)) : this.pauseMs,
        signal,
      );
    }
  }
}

function sleep(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
