/**
 * This process's share of the shared limit: reserves slots in the store a short time ahead, and lets one waiting row
 * go at each. Reserving no further ahead keeps a stop quick, a pause cheap, and a killed process from taking many
 * slots with it.
 */
import type { Clock } from "../../core/clock.ts";
import type { Limiter } from "../../core/store.ts";

export interface RateGateOptions {
  store: Pick<Limiter, "reserveSlots">;
  limiter: string;
  /** Tells this process from the limiter's other senders. */
  sender: string;
  /** undefined: no limit of our own; that of another sender may still hold. */
  ratePerSecond: number | undefined;
  clock: Clock;
  /** Told when the next slot comes after the store's recovery, in so many milliseconds. */
  onRecovery?: (inMs: number) => void;
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
/**
 * A slot that this process notices later than this is given up: catching up on many at once would be a burst. Where
 * everything is late on a busy machine, one that comes no sooner after the last than it should is none.
 */
const LATE_MS = 20;
const EVENLY_LATE_MS = 200;
/** Without a limit of our own, how often the store is asked whether somebody else has one. */
const UNLIMITED_RECHECK_MS = 500;
/** How often a sender that waits is heard of: the limiter forgets it after 10 s of silence. */
const HEARD_EVERY_MS = 5_000;
/** A next slot further away than a slow rate explains. */
const PAUSE_SHOWN_MS = 1_500;

interface Waiter {
  go(): void;
  fail(reason: unknown): void;
}

export function makeRateGate(options: RateGateOptions): RateGate {
  const { store, clock } = options;
  const waiting = new Set<Waiter>();
  /** When the reserved slots are due, the next one first. */
  let slots: number[] = [];
  let pumping = false;
  /** Ends the pump's sleep when nobody waits any more. */
  let rest = new AbortController();
  let asked = false;
  let inForce = options.ratePerSecond;
  let freeUntil = Number.NEGATIVE_INFINITY;
  let nextSlotAt = 0;
  let wentAt = Number.NEGATIVE_INFINITY;

  const letOneGo = () => {
    for (const waiter of waiting) {
      waiting.delete(waiter);
      wentAt = clock.monotonicMs();
      waiter.go();
      return;
    }
  };

  const ask = async (count: number): Promise<number> => {
    const { limiter, sender, ratePerSecond } = options;
    const grant = await store.reserveSlots({ limiter, sender, ratePerSecond, count });
    asked = true;
    inForce = grant.ratePerSecond;
    if (grant.recovering === true) options.onRecovery?.(grant.startInMs);
    const first = clock.monotonicMs() + grant.startInMs;
    slots.push(...Array.from({ length: count }, (_, index) => first + index * grant.intervalMs));
    return first;
  };

  const reserve = async (): Promise<void> => {
    const ahead = Math.max(1, Math.floor(((inForce ?? 0) * LOOKAHEAD_MS) / 1000));
    // One at first: another sender's lower rate may hold, and a hundred slots of that would be a long time.
    nextSlotAt = await ask(inForce === undefined || !asked ? 1 : Math.min(waiting.size, ahead));
  };

  /** Sleeps for long in parts: the limiter forgets senders of which it hears nothing, and with them their rate. */
  const sleepUntil = async (due: number): Promise<void> => {
    rest = new AbortController();
    const { signal } = rest;
    for (let ms = due - clock.monotonicMs(); ms > 0; ms = due - clock.monotonicMs()) {
      await clock.sleep(Math.min(ms, HEARD_EVERY_MS), signal);
      if (due - clock.monotonicMs() > HEARD_EVERY_MS) await ask(0);
    }
  };

  const pass = async (due: number): Promise<void> => {
    await sleepUntil(due);
    slots.shift();
    if (inForce === undefined) {
      slots = [];
      freeUntil = clock.monotonicMs() + UNLIMITED_RECHECK_MS;
      while (waiting.size > 0) letOneGo();
      return;
    }
    const now = clock.monotonicMs();
    const isEven = now - due <= EVENLY_LATE_MS && now - wentAt >= 1000 / inForce;
    if (now - due <= LATE_MS || isEven) letOneGo();
  };

  const pump = async (): Promise<void> => {
    if (pumping) return;
    pumping = true;
    try {
      while (waiting.size > 0) {
        if (slots.length === 0) await reserve();
        const due = slots[0];
        if (due !== undefined) await pass(due).catch(unlessAtRest);
      }
    } catch (error) {
      for (const waiter of waiting) waiter.fail(error);
      waiting.clear();
    } finally {
      pumping = false;
    }
  };

  const unlessAtRest = (error: unknown) => {
    if (!rest.signal.aborted) throw error;
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
          if (waiting.size === 0) rest.abort();
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
