/** Clocks that stand still until a test moves them: wall and monotonic apart, if need be. */
import type { Clock } from "../../src/core/clock.ts";

export interface FakeClock extends Clock {
  /** The store's clock: the wall clock, unless `jumpWall` moved it away. */
  now(): number;
  /** Moves all clocks on, step by step through whatever falls due, and lets what was woken run in between. */
  advance(ms: number): Promise<void>;
  /** Moves until the promise has settled, at most `withinMs`; answers its value. */
  advanceUntil<T>(promise: Promise<T>, withinMs?: number): Promise<T>;
  /** Moves until the condition holds, at most `withinMs`. */
  advanceWhile(condition: () => boolean, withinMs?: number): Promise<void>;
  /** Moves only the wall clock (set by hand, or a laptop that slept), and wakes nobody. */
  jumpWall(ms: number): void;
  /** Moves only the monotonic clock, and wakes nobody. */
  jumpMonotonic(ms: number): void;
  /** Sleepers now. */
  sleeping(): number;
}

interface Sleeper {
  due: number;
  wake(): void;
}

const START_WALL_MS = Date.UTC(2026, 10, 22, 12, 0, 0);
/** Turns of the event loop after each step: enough for chains of promises, timers of others included. */
const TURNS = 3;
const PATIENCE = 20;

export function fakeClock(): FakeClock {
  const sleepers = new Set<Sleeper>();
  let elapsedMs = 0;
  let wallJumpMs = 0;
  let monotonicJumpMs = 0;

  const step = async (until: number): Promise<void> => {
    const next = Math.min(until, ...[...sleepers].map((sleeper) => sleeper.due));
    elapsedMs = Math.max(elapsedMs, next);
    for (const sleeper of sleepers) if (sleeper.due <= elapsedMs) sleeper.wake();
    await settle();
  };
  const advanceTo = async (until: number, done: () => boolean): Promise<void> => {
    await settle();
    const isOver = () => done() || elapsedMs >= until;
    while (!isOver()) {
      // Nobody sleeps: what is under way may still need some turns before somebody does.
      for (let turns = 0; turns < PATIENCE && sleepers.size === 0 && !done(); turns += 1) await settle();
      if (!done()) await step(until);
    }
  };

  return {
    wallMs: () => START_WALL_MS + elapsedMs + wallJumpMs,
    monotonicMs: () => elapsedMs + monotonicJumpMs,
    now: () => START_WALL_MS + elapsedMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(signal.reason as Error);
          return;
        }
        const giveUp = () => {
          sleepers.delete(sleeper);
          reject(signal?.reason as Error);
        };
        const sleeper: Sleeper = {
          due: elapsedMs + Math.max(0, ms),
          wake: () => {
            sleepers.delete(sleeper);
            signal?.removeEventListener("abort", giveUp);
            resolve();
          },
        };
        signal?.addEventListener("abort", giveUp, { once: true });
        sleepers.add(sleeper);
      }),
    advance: (ms) => advanceTo(elapsedMs + ms, () => false),
    advanceUntil: async (promise, withinMs = 3_600_000) => {
      let settled = false;
      const watch = () => {
        settled = true;
      };
      promise.then(watch, watch);
      await advanceTo(elapsedMs + withinMs, () => settled);
      if (!settled) throw new Error(`not settled within ${withinMs} ms of the fake clock`);
      return promise;
    },
    advanceWhile: async (condition, withinMs = 3_600_000) => {
      await advanceTo(elapsedMs + withinMs, () => !condition());
      if (condition()) throw new Error(`the condition still holds after ${withinMs} ms of the fake clock`);
    },
    jumpWall: (ms) => {
      wallJumpMs += ms;
    },
    jumpMonotonic: (ms) => {
      monotonicJumpMs += ms;
    },
    sleeping: () => sleepers.size,
  };
}

/** Lets everything that can run without time passing run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
