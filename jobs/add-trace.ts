/**
 * The row job: one row on its way to the API. Stop check, slot, claim, POST, settle or release; once more while the
 * row was certainly not applied. What this file must never do is send a row without a claim, or twice under one.
 */
import pRetry from "p-retry";
import type { Api } from "../src/core/api.ts";
import { classify } from "../src/core/classify.ts";
import type { Clock } from "../src/core/clock.ts";
import { TraceloadError } from "../src/core/errors.ts";
import type { AttemptSignal, Outcome } from "../src/core/outcome.ts";
import type { JobVerdict, RowJob } from "../src/core/queue.ts";
import { backoffMs } from "../src/core/retry-timing.ts";
import { groupKey, rowKey, type Row } from "../src/core/row.ts";
import { RUNNING_STATES } from "../src/core/status.ts";
import type { AttemptFacts, LeaseId, SettleRequest, Settlement, Store, Token } from "../src/core/store.ts";

export interface AddTraceSettings {
  /** From the claim until the header has left, at most. */
  sendWindowMs: number;
  /** The whole request. */
  timeoutMs: number;
  /** How long after its timeout a request may still be applied. */
  horizonMs: number;
  /** Attempts that were certainly not applied, after which the row is failed. */
  maxAttempts: number;
  retryBaseMs: number;
  retryCapMs: number;
  /** A 404 is tried again until the run is this old, by the store's clock. */
  graceMs: number;
}

export interface AddTraceParts {
  store: Pick<Store, "claim" | "settle" | "changeRun" | "pauseLimiter">;
  api: Pick<Api, "addTrace">;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  mintToken(): Token;
  /** Resolves when this process may have one more request in flight. Given back when the answer is judged. */
  places: { take(signal: AbortSignal): Promise<void>; leave(): void };
  /** Resolves when the shared limiter lets one request go; rejects when the signal aborts. */
  takeSlot(signal: AbortSignal): Promise<void>;
  /** To be told what requests were answered: the shared pace is set by it. */
  pace: { note(refused: boolean): void; paused(ms: number): void };
  /** Says which groups' rows are not sent any more, and is told how rows ended. */
  groups: {
    admits(datasetGroupId: number): Promise<boolean>;
    isHalted(datasetGroupId: number): boolean;
    note(end: {
      datasetGroupId: number;
      refusal: { code: string; message: string } | undefined;
    }): Promise<void>;
  };
  /** Resolves when the group's draft is known, or known not to be needed. */
  prepareGroup(datasetGroupId: number, signal: AbortSignal): Promise<void>;
  /** Told of the draft that a confirmed row is in. Must not reject. */
  sawDraft?(datasetGroupId: number, draftDatasetId: number): Promise<void>;
  /** This process's present lease. */
  owner(): LeaseId;
  /** The store's time, which the run's is told in. */
  storeNowMs(): number;
  run: { runId: string; origin: string; createdAt: number; limiter: string };
  settings: AddTraceSettings;
  /** Told that the store recovers, and grants nothing for so many milliseconds. */
  onRecovery?(ms: number): void;
  /** Told of faults of the store that are waited out. */
  onFault: (error: unknown) => void;
  /** Told of every outcome, for the progress view. */
  observe(outcome: Outcome): void;
}

/** A row that the server keeps putting off is given up after this many refusals. */
const MAX_REFUSALS = 100;

const TELL_AGAIN_MS = 1_000;
const NOTHING_SENT: AttemptFacts = { attempts: 0, httpStatus: undefined, durationMs: 0 };

/** Thrown to p-retry, and nowhere else: the row was certainly not applied and may be sent again. */
class NotApplied extends Error {
  readonly usesAttempt: boolean;
  constructor(message: string, usesAttempt: boolean) {
    super(message);
    this.usesAttempt = usesAttempt;
  }
}

/**
 * Makes the processor of a run's row jobs. It resolves when the row has its result or the job is no longer needed;
 * aborting `signal` puts back rows that have not been sent, and waits for those that have.
 */
export function makeAddTrace(
  parts: AddTraceParts,
  signal: AbortSignal,
): (job: RowJob) => Promise<JobVerdict> {
  return async (job) => {
    const row: Row = { datasetGroupId: job.datasetGroupId, traceId: job.traceId, spanId: job.spanId };
    const sender = new RowSender(parts, job.row, row, signal);
    try {
      return await sender
        .attempt()
        .catch((error: unknown) => tryAgain(error, sender, parts.settings, signal));
    } catch (error) {
      // p-retry throws a result away that comes after the abort.
      if (sender.verdict !== undefined) return sender.verdict;
      if (signal.aborted) return { kind: "again", delayMs: 0 };
      throw error;
    }
  };
}

/** p-retry is set up for the rows that need it only: most have their result after one attempt. */
function tryAgain(
  firstError: unknown,
  sender: RowSender,
  settings: AddTraceSettings,
  signal: AbortSignal,
): Promise<JobVerdict> {
  const attempt = async (number: number) => {
    if (number === 1) throw firstError;
    await sender.rest();
    return sender.attempt();
  };
  return pRetry(attempt, {
    retries: settings.maxAttempts,
    minTimeout: settings.retryBaseMs,
    maxTimeout: settings.retryCapMs,
    randomize: true,
    signal,
    shouldRetry: ({ error }) => error instanceof NotApplied,
    shouldConsumeRetry: ({ error }) => error instanceof NotApplied && error.usesAttempt,
  });
}

type Claimed = { kind: "claimed"; token: Token; startedAt: Moment } | { kind: "over"; verdict: JobVerdict };
interface Moment {
  wallMs: number;
  monotonicMs: number;
}

class RowSender {
  readonly #parts: AddTraceParts;
  readonly #number: number;
  readonly #row: Row;
  readonly #signal: AbortSignal;
  readonly #address: {
    key: ReturnType<typeof rowKey>;
    group: ReturnType<typeof groupKey>;
    runId: string;
    row: number;
  };
  /** What the last attempt came to, once it came to something. */
  verdict: JobVerdict | undefined;
  #attempts = 0;
  #refusals = 0;
  #restMs = 0;

  constructor(parts: AddTraceParts, number: number, row: Row, signal: AbortSignal) {
    this.#parts = parts;
    this.#number = number;
    this.#row = row;
    this.#signal = signal;
    const { origin, runId } = parts.run;
    this.#address = {
      key: rowKey(origin, row),
      group: groupKey(origin, row.datasetGroupId),
      runId,
      row: this.#number,
    };
  }

  /** One attempt: resolves when the job is over, throws NotApplied when the row may be sent again. */
  async attempt(): Promise<JobVerdict> {
    const { places, groups } = this.#parts;
    // Without a result: the row becomes unprocessed when the run ends.
    if (!(await groups.admits(this.#row.datasetGroupId))) return { kind: "done" };
    await this.#parts.prepareGroup(this.#row.datasetGroupId, this.#signal);
    await places.take(this.#signal);
    let placeTaken = true;
    const leavePlace = () => {
      if (placeTaken) places.leave();
      placeTaken = false;
    };
    try {
      const claimed = await this.#claim();
      if (claimed.kind === "over") return claimed.verdict;
      const { answer, facts } = await this.#send(claimed.startedAt);
      const outcome = this.#judge(answer);
      const concluded = this.#conclude(outcome, claimed.token, facts);
      // The settlement is on its way before the next claim is: the store never sees more claims than places. A stop or
      // a pause must have been taken in first: it is meant for the next claim, too.
      if (outcome.kind !== "halt" && outcome.kind !== "refused") leavePlace();
      this.verdict = await concluded;
      return this.verdict;
    } finally {
      leavePlace();
    }
  }

  /** The row's own pause after a refusal that did not say when to come back. p-retry has none where no attempt is used. */
  async rest(): Promise<void> {
    const ms = this.#restMs;
    this.#restMs = 0;
    if (ms > 0) await this.#parts.clock.sleep(ms, this.#signal);
  }

  async #send(startedAt: Moment): Promise<{ answer: AttemptSignal; facts: AttemptFacts }> {
    const { clock, api, settings } = this.#parts;
    const sentAt = clock.monotonicMs();
    const answer = await api.addTrace(this.#row, {
      mayStillSend: () => this.#elapsedMs(startedAt) <= settings.sendWindowMs,
      timeoutMs: settings.timeoutMs,
      signal: this.#signal,
    });
    const facts: AttemptFacts = {
      attempts: answer.phase === "before-header" ? 0 : 1,
      httpStatus: answer.phase === "answered" ? answer.status : undefined,
      durationMs: Math.max(0, Math.round(clock.monotonicMs() - sentAt)),
    };
    return { answer, facts };
  }

  /** Takes a slot and claims the row, as often as the store says "not yet". */
  async #claim(): Promise<Claimed> {
    const { store, settings, run } = this.#parts;
    const { sendWindowMs, timeoutMs, horizonMs } = settings;
    for (;;) {
      await this.#parts.takeSlot(this.#signal);
      if (this.#parts.groups.isHalted(this.#row.datasetGroupId)) {
        return { kind: "over", verdict: { kind: "done" } };
      }
      const token = this.#parts.mintToken();
      const startedAt = this.#now();
      const answer = await store.claim({
        ...this.#address,
        token,
        owner: this.#parts.owner(),
        holdMs: sendWindowMs + timeoutMs + horizonMs,
        limiter: run.limiter,
      });
      switch (answer.kind) {
        case "claimed":
          return { kind: "claimed", token, startedAt };
        case "done":
        case "already-added":
        case "unknown":
          return { kind: "over", verdict: { kind: "done" } };
        case "stopped":
          await this.#release(token);
          return { kind: "over", verdict: { kind: "done" } };
        case "wait":
          // Another run's request for the same row is under way: that can take as long as its timeout.
          if (answer.reason === "sending") {
            return { kind: "over", verdict: { kind: "again", delayMs: answer.retryInMs } };
          }
          if (answer.reason === "recovery") this.#parts.onRecovery?.(answer.retryInMs);
          await this.#release(token);
          await this.#parts.clock.sleep(answer.retryInMs, this.#signal);
          break;
        default:
          answer satisfies never;
      }
    }
  }

  /**
   * Takes back a claim that may have been carried out, its answer lost, before the one that was refused: nothing was sent
   * under it, and it would hold up the row's next claim, or the end of a run that was stopped meanwhile.
   */
  #release(token: Token): Promise<void> {
    return this.#settle({
      ...this.#address,
      token,
      settlement: { kind: "released" },
      facts: NOTHING_SENT,
    });
  }

  #judge(answer: AttemptSignal): Outcome {
    const { clock } = this.#parts;
    const outcome = classify(answer, { sentSpan: this.#row.spanId !== undefined, nowMs: clock.wallMs() });
    this.#parts.observe(outcome);
    if (answer.phase === "answered") {
      this.#parts.pace.note(outcome.kind === "refused" && outcome.everybody);
    }
    return outcome;
  }

  async #conclude(outcome: Outcome, token: Token, facts: AttemptFacts): Promise<JobVerdict> {
    const settle = (settlement: Settlement) => this.#settle({ ...this.#address, token, settlement, facts });
    const done: JobVerdict = { kind: "done" };
    switch (outcome.kind) {
      case "added": {
        const { draftDatasetId, mode, warning } = outcome;
        const message = `sent as ${this.#row.spanId === undefined ? "trace" : "span"}, added as ${mode}`;
        const noted = warning === undefined ? undefined : { code: warning, message };
        await Promise.all([
          settle({ kind: "added", draftDatasetId, mode, warning: noted }),
          this.#noteEnd(undefined),
        ]);
        await this.#parts.sawDraft?.(this.#row.datasetGroupId, draftDatasetId);
        return done;
      }
      case "rejected": {
        if (outcome.code === "trace_not_found" && this.#mayStillAppear()) {
          await settle({ kind: "released" });
          return { kind: "again", delayMs: Math.min(this.#parts.settings.graceMs / 4, 30_000) };
        }
        const { code, message } = outcome;
        await settle({ kind: "rejected", code, message });
        await this.#noteEnd(outcome.httpStatus === 400 ? { code, message } : undefined);
        return done;
      }
      case "unknown":
        await settle({ kind: "unknown", reason: outcome.reason, message: outcome.message });
        await this.#noteEnd(undefined);
        return done;
      case "halt": {
        const halt = { code: outcome.code, message: outcome.message };
        // First the run, then the row: released first, it could be claimed again before the run has stopped.
        const { runId } = this.#parts.run;
        await this.#tell((store) => store.changeRun(runId, { state: "stopped", halt }, RUNNING_STATES));
        await settle({ kind: "released" });
        return done;
      }
      case "not-sent":
        // Told to stop before the request left: that is no failure of the row.
        if (this.#signal.aborted) {
          await settle({ kind: "released" });
          return { kind: "again", delayMs: 0 };
        }
        return this.#tryAgain(settle, { code: "not_sent", message: outcome.cause });
      case "refused": {
        if (!outcome.everybody) return this.#tryAgain(settle, { code: "refused", message: outcome.message });
        return this.#giveWay(outcome, settle);
      }
      default:
        return outcome satisfies never;
    }
  }

  #settle(request: SettleRequest): Promise<void> {
    return this.#tell((store) => store.settle(request));
  }

  /**
   * What the server said must not be forgotten: a store that refuses (a full disk, no memory) is asked until it takes
   * it. A closed one is asked no more; the entry then stays as it is, and will be swept to unknown.
   */
  async #tell<T>(what: (store: AddTraceParts["store"]) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await what(this.#parts.store);
      } catch (error) {
        if (error instanceof TraceloadError && error.code === "store_unreachable") throw error;
        this.#parts.onFault(error);
        await this.#parts.clock.sleep(TELL_AGAIN_MS);
      }
    }
  }

  #noteEnd(refusal: { code: string; message: string } | undefined): Promise<void> {
    return this.#parts.groups.note({ datasetGroupId: this.#row.datasetGroupId, refusal });
  }

  async #tryAgain(
    settle: (settlement: Settlement) => Promise<void>,
    last: { code: string; message: string },
  ): Promise<JobVerdict> {
    this.#attempts += 1;
    if (this.#attempts >= this.#parts.settings.maxAttempts) {
      await settle({ kind: "failed", ...last });
      await this.#noteEnd(undefined);
      return { kind: "done" };
    }
    await settle({ kind: "released" });
    throw new NotApplied(last.message, true);
  }

  /**
   * The server is asked too much: no attempt is used. If it says for how long, everybody waits; if not, this row does,
   * and the shared pace slows down when many rows hear the same.
   */
  async #giveWay(
    outcome: Outcome & { kind: "refused" },
    settle: (settlement: Settlement) => Promise<void>,
  ): Promise<JobVerdict> {
    this.#refusals += 1;
    const { settings, run, pace, random } = this.#parts;
    if (this.#refusals >= MAX_REFUSALS) {
      await settle({ kind: "failed", code: "rate_limited", message: outcome.message });
      await this.#noteEnd(undefined);
      return { kind: "done" };
    }
    // A date that is past by our clock, or a 0, says nothing: asked again at once, every refusal would be used up.
    const pauseMs = outcome.retryInMs || undefined;
    if (pauseMs === undefined) {
      const { retryBaseMs: baseMs, retryCapMs: capMs } = settings;
      const retry = Math.min(this.#refusals - 1, 10);
      this.#restMs = Math.max(baseMs / 2, backoffMs({ retry, baseMs, capMs, random }));
    } else {
      pace.paused(pauseMs);
      await this.#tell((store) => store.pauseLimiter(run.limiter, pauseMs));
    }
    await settle({ kind: "released" });
    throw new NotApplied(outcome.message, false);
  }

  #mayStillAppear(): boolean {
    return this.#parts.storeNowMs() - this.#parts.run.createdAt < this.#parts.settings.graceMs;
  }

  #now(): Moment {
    return { wallMs: this.#parts.clock.wallMs(), monotonicMs: this.#parts.clock.monotonicMs() };
  }

  /** By the clock that says more: the monotonic one stands still while a laptop sleeps, the wall clock may be set. */
  #elapsedMs(since: Moment): number {
    const now = this.#now();
    return Math.max(now.wallMs - since.wallMs, now.monotonicMs - since.monotonicMs);
  }
}
