/**
 * Tells the limiter what its requests were answered, and sets its pace by that. Counts are told in batches, one a
 * process every half second; every process decides, and the store takes the first of two decisions.
 */
import type { Clock } from "../../core/clock.ts";
import { TraceloadError } from "../../core/errors.ts";
import { paceView, type PaceView } from "../../core/pace.ts";
import type { Limiter, PaceRecord } from "../../core/store.ts";
import { nextPace } from "./policy.ts";
import type { PaceSample } from "./window.ts";

export interface PacerOptions {
  store: Pick<Limiter, "noteAnswers" | "setPace">;
  limiter: string;
  /** What this process asks for; undefined: no limit. */
  limitPerSecond: number | undefined;
  /** Whether the rate is to be found. */
  search: boolean;
  /** The rate that the limiter last said is in force: lower than ours, if another sender asks for less. */
  inForce(): number | undefined;
  clock: Clock;
  onFault: (error: unknown) => void;
}

export interface Pacer {
  /** A request was answered; `refused`: with the wish to be left alone for now (429, 503 with Retry-After). */
  note(refused: boolean): void;
  /** The server asked everybody to wait so long. */
  paused(ms: number): void;
  /** The pace that was last seen; undefined: nothing holds the senders back but their limits. */
  view(): PaceView | undefined;
  /** Tells the store now what the next batch would: for the last one. */
  tell(): Promise<void>;
  /** What was noted since the last batch is not told any more. */
  close(): void;
}

const EVERY_MS = 500;
const KEEP_MS = 10_000;

/** Resolves when a pace is set, if the rate is to be found: without it, the first requests would have no limit at all. */
export async function startPacer(options: PacerOptions): Promise<Pacer> {
  const { store, limiter, search, clock, onFault } = options;
  const closed = new AbortController();
  let answered = 0;
  let refused = 0;
  let pausedUntilMs: number | undefined;
  let history: PaceSample[] = [];
  let seen: Pick<PaceRecord, "ceilingPerSecond" | "memory"> | undefined;

  const limit = (): number | undefined => {
    const inForce = options.inForce();
    // As long as no ceiling holds, what is in force is what the senders ask for.
    if (seen?.ceilingPerSecond !== undefined || inForce === undefined) return options.limitPerSecond;
    return Math.min(inForce, options.limitPerSecond ?? Infinity);
  };

  const step = async (): Promise<void> => {
    const counts = { answered, refused };
    answered = 0;
    refused = 0;
    const pausedForMs = pausedUntilMs === undefined ? undefined : pausedUntilMs - clock.monotonicMs();
    pausedUntilMs = undefined;
    const limitPerSecond = limit();
    const record = await store.noteAnswers({ limiter, ...counts });
    // Nothing was seen before the first batch; but what is in it came after.
    if (history.length === 0) history = [sampleBefore(record, counts)];
    const pausedUntil = pausedForMs === undefined ? undefined : record.now + pausedForMs;
    const pace = nextPace({ record, history, limitPerSecond, search, pausedUntil });
    const { now } = record;
    history = [
      ...history.filter((sample) => sample.now > now - KEEP_MS && sample.now <= now),
      { now, answered: record.answered, refused: record.refused },
    ];
    const memory = pace === undefined ? undefined : { ...pace.memory };
    const change = memory && { ceilingPerSecond: pace?.ceilingPerSecond, memory };
    const isSet =
      change !== undefined && (await store.setPace({ limiter, version: record.version, ...change }));
    seen = isSet ? change : record;
  };

  const isQuiet = (): boolean =>
    answered === 0 && pausedUntilMs === undefined && !search && seen?.ceilingPerSecond === undefined;

  const tell = async (): Promise<void> => {
    if (!isQuiet()) await step().catch((error: unknown) => closed.signal.aborted || onFault(error));
  };

  const run = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(EVERY_MS, closed.signal);
      await tell();
    }
  };

  /** `false`: it has to be tried again. */
  const hasBegun = async (): Promise<boolean> => {
    try {
      await step();
      return seen?.ceilingPerSecond !== undefined;
    } catch (error) {
      if (error instanceof TraceloadError && error.code === "store_unreachable") throw error;
      onFault(error);
      await clock.sleep(EVERY_MS);
      return false;
    }
  };

  if (search) while (!(await hasBegun()));
  run().catch(() => undefined);
  return {
    note: (wasRefused) => {
      answered += 1;
      if (wasRefused) refused += 1;
    },
    paused: (ms) => {
      pausedUntilMs = Math.max(pausedUntilMs ?? -Infinity, clock.monotonicMs() + ms);
    },
    view: () => (seen === undefined ? undefined : paceView(seen)),
    tell,
    close: () => closed.abort(),
  };
}

function sampleBefore(record: PaceRecord, counts: { answered: number; refused: number }): PaceSample {
  return {
    now: record.now - EVERY_MS,
    answered: record.answered - counts.answered,
    refused: record.refused - counts.refused,
  };
}
