/**
 * This process's share of the shared limit: reserves slots in the store a short time ahead, and lets one waiting row
 * go at each. Reserving no further ahead keeps a stop quick, a pause cheap, and a killed process from taking many
 * slots with it.
 */
import type { Clock } from "../core/clock.ts";
import type { Limiter } from "../core/store.ts";

export interface RateGateOptions {
  store: Pick<Limiter, "reserveSlots">;
  limiter: string;
  /** Tells this process from the limiter's other senders. */
  sender: string;
  /** undefined: no limit of our own; that of another sender may still hold. */
  ratePerSecond: number | undefined;
  clock: Clock;
}

export interface RateGate {
  /** Resolves when one request may go. Rejects with the signal's reason when it aborts. */
  take(signal: AbortSignal): Promise<void>;
  /** The rate that the store last said is in force, per second; undefined: no limit. */
  inForce(): number | undefined;
  /** Milliseconds until the next reserved slot, if it is a long way off: the server asked everybody to wait. */
  pausedMs(): number;
}

/** How far ahead slots are reserved. */
const LOOKAHEAD_MS = 100;
/** A slot that this process notices later than this is given up: catching up on many at once would be a burst. */
const LATE_MS = 20;
/** Without a limit of our own, how often the store is asked whether somebody else has one. */
const UNLIMITED_RECHECK_MS = 500;
/** A next slot further away than a slow rate explains. */
const PAUSE_SHOWN_MS = 1_500;

interface Waiter {
  go(): void;
  fail(reason: unknown): void;
}

export function makeRateGate(options: RateGateOptions): RateGate {
  const { store, clock } = options;
  const waiting = new Set<Waiter>();
  let pumping = false;
  let asked = false;
  let inForce = options.ratePerSecond;
  let freeUntil = Number.NEGATIVE_INFINITY;
  let nextSlotAt = 0;

  const letOneGo = () => {
    for (const waiter of waiting) {
      waiting.delete(waiter);
      waiter.go();
      return;
    }
  };

  const reserve = async (): Promise<void> => {
    const ahead = Math.max(1, Math.floor(((inForce ?? 0) * LOOKAHEAD_MS) / 1000));
    // One at first: another sender's lower rate may hold, and a hundred slots of that would be a long time.
    const count = inForce === undefined || !asked ? 1 : Math.min(waiting.size, ahead);
    const { limiter, sender, ratePerSecond } = options;
    const grant = await store.reserveSlots({ limiter, sender, ratePerSecond, count });
    asked = true;
    inForce = grant.ratePerSecond;
    const first = clock.monotonicMs() + grant.startInMs;
    nextSlotAt = first;
    if (inForce === undefined) {
      await sleepUntil(first);
      freeUntil = clock.monotonicMs() + UNLIMITED_RECHECK_MS;
      while (waiting.size > 0) letOneGo();
      return;
    }
    for (let index = 0; index < count; index += 1) {
      const due = first + index * grant.intervalMs;
      await sleepUntil(due);
      if (clock.monotonicMs() - due <= LATE_MS) letOneGo();
    }
  };

  const sleepUntil = async (due: number): Promise<void> => {
    const ms = due - clock.monotonicMs();
    if (ms > 0) await clock.sleep(ms);
  };

  const pump = async (): Promise<void> => {
    if (pumping) return;
    pumping = true;
    try {
      while (waiting.size > 0) await reserve();
    } catch (error) {
      for (const waiter of waiting) waiter.fail(error);
      waiting.clear();
    } finally {
      pumping = false;
    }
  };

  return {
    take: (signal) => {
      if (signal.aborted) return Promise.reject(signal.reason as Error);
      if (inForce === undefined && clock.monotonicMs() < freeUntil) return Promise.resolve();
      return new Promise<void>((resolve, reject) => {
        const waiter: Waiter = {
          go: () => {
            signal.removeEventListener("abort", leave);
            resolve();
          },
          fail: (reason) => {
            signal.removeEventListener("abort", leave);
            reject(reason);
          },
        };
        const leave = () => {
          waiting.delete(waiter);
          reject(signal.reason as Error);
        };
        signal.addEventListener("abort", leave, { once: true });
        waiting.add(waiter);
        void pump();
      });
    },
    inForce: () => inForce,
    pausedMs: () => {
      const ms = nextSlotAt - clock.monotonicMs();
      const usual = inForce === undefined ? 0 : 1000 / inForce;
      return ms > PAUSE_SHOWN_MS + usual ? ms : 0;
    },
  };
}
