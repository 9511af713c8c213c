/** A server with a limit of its own, and senders that keep to the pace: the policy's world, without sockets or stores. */
import { nextPace } from "../../src/app/pace/policy.ts";
import { paceView, type PaceView } from "../../src/core/pace.ts";
import type { PaceRecord } from "../../src/core/store.ts";

/** Answers whether a request at this time is let through. */
export type Admission = (nowMs: number) => boolean;

/** So many in any sliding second. */
export function slidingWindow(perSecond: number): Admission {
  const admitted: number[] = [];
  return (now) => {
    while (admitted.length > 0 && (admitted[0] ?? now) <= now - 1_000) admitted.shift();
    if (admitted.length >= perSecond) return false;
    admitted.push(now);
    return true;
  };
}

/** So many in each second of the clock. */
export function fixedWindow(perSecond: number): Admission {
  let second = -1;
  let count = 0;
  return (now) => {
    if (Math.floor(now / 1_000) !== second) {
      second = Math.floor(now / 1_000);
      count = 0;
    }
    count += 1;
    return count <= perSecond;
  };
}

export function tokenBucket(perSecond: number, size: number): Admission {
  let tokens = size;
  let at = 0;
  return (now) => {
    tokens = Math.min(size, tokens + ((now - at) * perSecond) / 1_000);
    at = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}

export interface PacedWorld {
  /** undefined: none. */
  limitPerSecond: number | undefined;
  search: boolean;
  admit: Admission;
  /** What a 429 asks everybody to wait; undefined: it says nothing. */
  retryAfterMs?: number;
  latencyMs?: number;
  /** Requests arrive up to so much later than they were sent, at random, though always in the same way. */
  jitterMs?: number;
  /** Requests in flight at most, which is all that bounds senders without a limit. */
  concurrency?: number;
  /** Processes that note answers and decide. */
  processes?: number;
}

export interface Paced {
  /** Lets the world run so long, and answers what was sent, refused and admitted in it. */
  run(ms: number): { perSecond: number; goodPerSecond: number; refusedShare: number; ceilings: number[] };
  view(): PaceView | undefined;
  ceiling(): number | undefined;
}

const NOTE_EVERY_MS = 500;
const START = Date.UTC(2026, 10, 22);

export function pacedWorld(world: PacedWorld): Paced {
  const latencyMs = world.latencyMs ?? 40;
  const processes = world.processes ?? 1;
  const record: PaceRecord = {
    now: START,
    version: 0,
    answered: 0,
    refused: 0,
    ceilingPerSecond: undefined,
    memory: undefined,
  };
  const told = Array.from({ length: processes }, () => ({
    answered: 0,
    refused: 0,
    pausedUntil: undefined as number | undefined,
    history: [] as { now: number; answered: number; refused: number }[],
  }));
  const inFlight: { arrives: number; due: number; ok: boolean | undefined; process: number }[] = [];
  let state = 11;
  const jitter = (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return (state / 2_147_483_648) * (world.jitterMs ?? 0);
  };
  let now = 0;
  let nextSlot = 0;
  let pausedUntil = 0;
  let turn = 0;

  const note = (index: number): void => {
    const process = told[index];
    if (process === undefined) return;
    record.now = START + now;
    record.answered += process.answered;
    record.refused += process.refused;
    const pace = nextPace({
      record: structuredClone(record),
      history: process.history,
      limitPerSecond: world.limitPerSecond,
      search: world.search,
      pausedUntil: process.pausedUntil === undefined ? undefined : START + process.pausedUntil,
    });
    process.history = [
      ...process.history.filter((sample) => sample.now > record.now - 10_000),
      { now: record.now, answered: record.answered, refused: record.refused },
    ];
    Object.assign(process, { answered: 0, refused: 0, pausedUntil: undefined });
    if (pace === undefined) return;
    record.version += 1;
    record.ceilingPerSecond = pace.ceilingPerSecond;
    // As it comes back from a store.
    record.memory = JSON.parse(JSON.stringify(pace.memory)) as Record<string, unknown>;
  };

  const rate = (): number => Math.min(world.limitPerSecond ?? Infinity, record.ceilingPerSecond ?? Infinity);

  const step = (count: { sent: number; refused: number }): void => {
    for (const request of inFlight) {
      if (request.ok !== undefined || request.arrives > now) continue;
      request.ok = world.admit(now);
      if (!request.ok) count.refused += 1;
    }
    for (const answer of inFlight.filter(({ due, ok }) => due <= now && ok !== undefined)) {
      inFlight.splice(inFlight.indexOf(answer), 1);
      const process = told[answer.process];
      if (process === undefined) continue;
      process.answered += 1;
      if (answer.ok === true) continue;
      process.refused += 1;
      if (world.retryAfterMs === undefined) continue;
      pausedUntil = Math.max(pausedUntil, now + world.retryAfterMs);
      process.pausedUntil = Math.max(process.pausedUntil ?? 0, now + world.retryAfterMs);
    }
    const maySend = (): boolean => now >= nextSlot && now >= pausedUntil;
    while (inFlight.length < (world.concurrency ?? 64) && maySend()) {
      turn += 1;
      const arrives = now + latencyMs / 2 + jitter();
      inFlight.push({ arrives, due: arrives + latencyMs / 2, ok: undefined, process: turn % processes });
      count.sent += 1;
      nextSlot = Math.max(nextSlot, now - 1, pausedUntil) + (rate() === Infinity ? 0 : 1_000 / rate());
    }
  };

  note(0);
  return {
    run: (ms) => {
      const count = { sent: 0, refused: 0 };
      const ceilings: number[] = [];
      for (const end = now + ms; now < end; now += 1) {
        step(count);
        for (let index = 0; index < processes; index += 1) {
          const phase = Math.floor((index * NOTE_EVERY_MS) / processes);
          if (now % NOTE_EVERY_MS !== phase) continue;
          const before = record.ceilingPerSecond;
          note(index);
          if (record.ceilingPerSecond !== before) ceilings.push(record.ceilingPerSecond ?? Infinity);
        }
      }
      return {
        perSecond: (count.sent * 1_000) / ms,
        goodPerSecond: ((count.sent - count.refused) * 1_000) / ms,
        refusedShare: count.sent === 0 ? 0 : count.refused / count.sent,
        ceilings,
      };
    },
    view: () => paceView(record),
    ceiling: () => record.ceilingPerSecond,
  };
}
