/** A limiter for one process that has no store: evenly spaced slots, as the shared one gives. */
import type { Clock } from "../../core/clock.ts";
import type { Limiter } from "../../core/store.ts";

export function makeLocalSlots(clock: Clock): Pick<Limiter, "reserveSlots" | "pauseLimiter"> {
  let nextAt = Number.NEGATIVE_INFINITY;
  return {
    reserveSlots: ({ ratePerSecond, count }) => {
      const now = clock.monotonicMs();
      const intervalMs = ratePerSecond === undefined ? 0 : 1000 / ratePerSecond;
      const startAt = Math.max(now, nextAt);
      nextAt = startAt + intervalMs * count;
      return Promise.resolve({ startInMs: startAt - now, intervalMs, ratePerSecond });
    },
    pauseLimiter: (_limiter, ms) => {
      nextAt = Math.max(nextAt, clock.monotonicMs() + ms);
      return Promise.resolve();
    },
  };
}
