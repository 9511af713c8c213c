/** The in-memory store's limiter: slots, pauses, and the pace that holds for all senders. */
import { isDeepStrictEqual } from "node:util";
import type { Limiter } from "../../src/core/store.ts";
import { limiterOf, type MemoryState } from "./memory-state.ts";

const SENDER_SEEN_MS = 10_000;

export function memoryLimiter(state: MemoryState): Limiter {
  return {
    async reserveSlots({ limiter: name, sender, ratePerSecond, count }) {
      const limiter = limiterOf(state, name);
      const now = state.now();
      limiter.senders.set(sender, { ratePerSecond, seenAt: now });
      const rates: number[] = [];
      for (const [other, seen] of limiter.senders) {
        if (now - seen.seenAt > SENDER_SEEN_MS) limiter.senders.delete(other);
        else if (seen.ratePerSecond !== undefined) rates.push(seen.ratePerSecond);
      }
      const { ceilingPerSecond } = limiter.pace;
      if (ceilingPerSecond !== undefined) rates.push(ceilingPerSecond);
      const lowest = rates.length === 0 ? undefined : Math.min(...rates);
      const intervalMs = lowest === undefined ? 0 : 1_000 / lowest;
      const start = Math.max(limiter.tat, now, limiter.pausedUntil);
      limiter.tat = start + count * intervalMs;
      return { startInMs: start - now, intervalMs, ratePerSecond: lowest };
    },
    async noteAnswers({ limiter: name, answered, refused }) {
      const limiter = limiterOf(state, name);
      limiter.answered += answered;
      limiter.refused += refused;
      return structuredClone({
        now: state.now(),
        answered: limiter.answered,
        refused: limiter.refused,
        ...limiter.pace,
      });
    },
    async setPace({ limiter: name, version, ceilingPerSecond, memory }) {
      const limiter = limiterOf(state, name);
      const next = structuredClone({ version: version + 1, ceilingPerSecond, memory });
      if (limiter.pace.version !== version) return isDeepStrictEqual(limiter.pace, next);
      limiter.pace = next;
      return true;
    },
    async pauseLimiter(name, ms) {
      const limiter = limiterOf(state, name);
      limiter.pausedUntil = Math.max(limiter.pausedUntil, state.now() + ms);
      limiter.tat = Math.max(limiter.tat, limiter.pausedUntil);
    },
  };
}
