/** From what a run tells while it works to what the progress view shows. */
import { ACTIVE_STATES, rowsAnswered, rowsRead } from "../core/status.ts";
import type { Run } from "../core/store.ts";
import type { Progress } from "../wire.ts";
import type { LimitingFactor, ProgressState } from "./show/progress.ts";

/** The achieved rate is told over this long. */
const WINDOW_MS = 10_000;
/** Below this share of the limit, the limit is not what holds the run back. */
const NEAR_LIMIT = 0.9;
/** A run that works is looked at several times a second; with a store that does not answer, it is not. */
const UNSEEN_MS = 3_000;

export class RunProgress {
  /** When the run was seen first. */
  #startedAt: number | undefined;
  readonly #concurrency: number;
  readonly #monotonicMs: () => number;
  readonly #readShare: () => number | undefined;
  readonly #isStoreInTrouble: () => boolean;
  #lastAt = 0;
  #last: Progress | undefined;
  /** Requests answered before this process took the run up. */
  #before: number | undefined;
  #stopping = false;
  /** Requests answered, over time. */
  #samples: { at: number; answered: number }[] = [];

  constructor(options: {
    concurrency: number;
    monotonicMs: () => number;
    /** How much of the sources was read, 0 to 1. */
    readShare: () => number | undefined;
    /** Whether the store is known to hold the run up. */
    isStoreInTrouble: () => boolean;
  }) {
    this.#isStoreInTrouble = options.isStoreInTrouble;
    this.#readShare = options.readShare;
    this.#concurrency = options.concurrency;
    this.#monotonicMs = options.monotonicMs;
  }

  update(progress: Progress): void {
    this.#last = progress;
    this.#before ??= rowsAnswered(progress.run.counts);
    const at = this.#monotonicMs();
    this.#startedAt ??= at;
    this.#lastAt = at;
    this.#samples.push({ at, answered: rowsAnswered(progress.run.counts) });
    while (this.#samples.length > 2 && at - (this.#samples[1]?.at ?? at) > WINDOW_MS) this.#samples.shift();
  }

  stopping(): void {
    this.#stopping = true;
  }

  /** Over the whole run, per second; undefined when nothing was sent. */
  overallPerSecond(): number | undefined {
    const answered = this.#last === undefined ? 0 : rowsAnswered(this.#last.run.counts) - (this.#before ?? 0);
    const seconds = this.#elapsedMs() / 1000;
    return answered === 0 || seconds <= 0 ? undefined : answered / seconds;
  }

  #elapsedMs(): number {
    const now = this.#monotonicMs();
    return now - (this.#startedAt ?? now);
  }

  state(): ProgressState | undefined {
    if (this.#last === undefined) return undefined;
    const { run, limitPerSecond, inFlight } = this.#last;
    const stopping = this.#stopping || !ACTIVE_STATES.includes(run.state);
    return {
      runId: run.runId,
      phase: stopping && run.finishedAt === undefined ? "stopping" : run.state,
      counts: run.counts,
      expected: this.#expected(run),
      inFlight,
      limitPerSecond,
      achievedPerSecond: this.#recentPerSecond(),
      elapsedMs: this.#elapsedMs(),
      limitedBy: this.#limitedBy(this.#last),
      pace: this.#last.pace,
    };
  }

  /** While the sources are read: as many rows as there would be if the rest is like what was read. */
  #expected(run: Run): ProgressState["expected"] {
    const read = rowsRead(run.counts);
    if (run.sourceComplete) return { rows: read, exact: true };
    const share = this.#readShare();
    return share === undefined || share === 0 || read === 0
      ? undefined
      : { rows: Math.round(read / share), exact: false };
  }

  #recentPerSecond(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at <= first.at || this.#isUnseen()) return 0;
    return ((last.answered - first.answered) * 1000) / (last.at - first.at);
  }

  /** While it is stopping, requests in flight are awaited. */
  #isUnseen(): boolean {
    return !this.#stopping && this.#monotonicMs() - this.#lastAt > UNSEEN_MS;
  }

  #limitedBy({
    run,
    limitPerSecond,
    pausedMs,
    recoveringMs,
    inFlight,
    openingDraft,
    waitingMs,
  }: Progress): LimitingFactor {
    if (this.#isStoreInTrouble() || this.#isUnseen()) return { kind: "store" };
    if (waitingMs !== undefined) return { kind: "verdict", remainingMs: waitingMs };
    if (recoveringMs > 0) return { kind: "recovery", remainingMs: recoveringMs };
    if (pausedMs > 0) return { kind: "server_pause", remainingMs: pausedMs };
    if (openingDraft) return { kind: "draft" };
    if (limitPerSecond !== undefined && this.#recentPerSecond() >= limitPerSecond * NEAR_LIMIT) {
      return { kind: "rate" };
    }
    if (inFlight >= this.#concurrency) return { kind: "concurrency", requests: this.#concurrency };
    if (run.counts.queued === 0 && !run.sourceComplete) return { kind: "reading" };
    return { kind: "none" };
  }
}
