/**
 * Runs the open ticks of a sync, one after the other, in this process alone. What a tick is about to do is written
 * before it is done, and what came of it in one step with watermark, carried rows and history: killed at any instant, it
 * is found by the next process as it was, and carried on.
 */
import type { Clock } from "../../core/clock.ts";
import { TraceloadError } from "../../core/errors.ts";
import type { OpenedSources } from "../../core/source.ts";
import { ACTIVE_STATES, apparentState } from "../../core/status.ts";
import type { LeaseId, Run, Store, Token } from "../../core/store.ts";
import type { StoredSync, SyncPolicy } from "../../core/syncs.ts";
import { dueRows, withCarried } from "./carry.ts";
import { nextDue } from "./due.ts";
import { peeked } from "./peek.ts";
import { type SettledTick, settleTick, type TickEnd } from "./settle.ts";
import {
  type Carried,
  type FileMark,
  type OpenTick,
  readCarried,
  readState,
  type SyncState,
  type TickRecord,
  writeCarried,
} from "./state.ts";

/** What a sync reads, within a window. */
export interface OpenedSync {
  sources: OpenedSources;
  /** Of files: those whose content is new, which are read, and those that were read before and are there still. */
  files: { reading: FileMark[]; kept: FileMark[] } | undefined;
}

export interface Window {
  sinceMs: number | undefined;
  untilMs: number;
  /** A person named it: it must not be passed over. */
  isNamed: boolean;
}

export interface DriveParts {
  store: Store;
  clock: Clock;
  /** The store's time. */
  nowMs: () => number;
  owner: () => LeaseId;
  mintToken: () => Token;
  /** Throws when the definition cannot be understood. */
  policyOf: (sync: StoredSync) => SyncPolicy;
  newRunId: (sync: string) => string;
  /** Throws when a source cannot be reached, or a variable of the environment is missing. */
  open: (
    request: { sync: StoredSync; runId: string; window: Window; known: readonly FileMark[] },
    signal: AbortSignal,
  ) => Promise<OpenedSync>;
  /** Conducts a run to its end: a new one, or (`run`) one that was left behind. */
  conduct: (
    request: {
      sync: StoredSync;
      runId: string;
      run: Run | undefined;
      /** undefined: the run holds all rows. */
      sources: OpenedSources | undefined;
      /** How long the run itself waits for traces that are not found. */
      graceMs: number;
    },
    signal: AbortSignal,
  ) => Promise<Run>;
  /** Waits until nothing of a stopped run is in flight. */
  windDown: (runId: string, signal: AbortSignal) => Promise<void>;
  /**
   * What is done when a tick has run and that is recorded: asked for again until it has resolved once. Answers what the
   * webhooks were told; undefined: nothing is to be noted.
   */
  afterRun: (ended: EndedTick, signal: AbortSignal) => Promise<TickNotices | undefined>;
  /** Whether a tick ends with the signal, instead of being left to the next process. */
  endsWithSignal: boolean;
  onChange: (change: { sync: string; tick: string; runId: string | undefined; became: string }) => void;
}

/** A tick that has run, and the sync's health before and after it: notices are of changes. */
export type EndedTick = SyncState["afterwards"][number] & { sync: StoredSync };

export interface TickNotices {
  /** What each webhook knows by then. */
  told: NonNullable<SyncState["told"]>;
  /** Notices of this tick. */
  notices: NonNullable<TickRecord["notices"]>;
}

export type DriveEnd =
  /** All ticks that were open have run; `ends` of those that this process has run. */
  | { kind: "done"; ends: SettledTick[] }
  /** Another process runs the sync, or one of the same dataset group. */
  | { kind: "busy"; by: string }
  | { kind: "gone" };

const LOOK_MS = 500;

/** Aborting `signal` leaves the tick to whoever looks next. Rejects when the store refuses for good. */
export async function driveSync(parts: DriveParts, name: string, signal: AbortSignal): Promise<DriveEnd> {
  const { store } = parts;
  const ends: SettledTick[] = [];
  const token = parts.mintToken();
  const found = await store.getSync(name);
  if (found === undefined) return { kind: "gone" };
  const { datasetGroupId } = parts.policyOf(found);
  const claim = await store.claimSync({ name, owner: parts.owner(), token, datasetGroupId });
  if (claim.kind !== "claimed") return claim;
  try {
    for (;;) {
      const sync = await store.getSync(name);
      // Removed, renamed, or another process's by now: it goes on there.
      if (sync?.claim?.token !== token) return { kind: "done", ends };
      const state = readState(sync);
      const [tick] = state.open;
      const [after] = state.afterwards;
      if (after !== undefined && !signal.aborted) {
        try {
          const done = await parts.afterRun({ ...after, sync }, signal);
          await noteDone(store, { name, token, after, done });
        } catch (error) {
          // It is left to the next process, as a tick is.
          if (!signal.aborted) throw error;
        }
        continue;
      }
      if (signal.aborted && !(parts.endsWithSignal && tick?.runId !== undefined)) signal.throwIfAborted();
      if (tick === undefined) {
        if (await store.changeSync(name, { version: sync.version, token }, { release: true })) {
          return { kind: "done", ends };
        }
        continue;
      }
      const drive = new TickDrive(parts, { sync, tick, token }, signal);
      const settled = tick.runId === undefined ? await drive.begin() : await drive.look(tick.runId);
      if (settled !== undefined) ends.push(settled);
    }
  } finally {
    await release(store, name, token);
  }
}

interface DoneAfterwards {
  name: string;
  token: Token;
  after: SyncState["afterwards"][number];
  done: TickNotices | undefined;
}

/** Ticks may have come due meanwhile: what was done is not done again for that. */
async function noteDone(store: Store, { name, token, after, done }: DoneAfterwards): Promise<void> {
  const { id, record: before } = after;
  const notices = done?.notices ?? [];
  const record: TickRecord = notices.length === 0 ? before : { ...before, notices };
  for (;;) {
    const sync = await store.getSync(name);
    if (sync?.claim?.token !== token) return;
    const state = readState(sync);
    const changed = {
      ...state,
      afterwards: state.afterwards.filter((one) => one.id !== id),
      ...(state.last?.id === id ? { last: { ...record, id } } : {}),
      ...(done === undefined ? {} : { told: done.told }),
    };
    const ticks = notices.length === 0 ? [] : [{ id, at: record.due, record }];
    if (await store.changeSync(name, { version: sync.version, token }, { state: changed, ticks })) return;
  }
}

/** Harmless where it was given back, or is another's. */
async function release(store: Store, name: string, token: Token): Promise<void> {
  for (;;) {
    const sync = await store.getSync(name);
    if (sync?.claim?.token !== token) return;
    if (await store.changeSync(name, { version: sync.version, token }, { release: true })) return;
  }
}

class TickDrive {
  readonly #parts: DriveParts;
  readonly #sync: StoredSync;
  readonly #tick: OpenTick;
  readonly #token: Token;
  readonly #signal: AbortSignal;
  readonly #policy: SyncPolicy;

  constructor(
    parts: DriveParts,
    { sync, tick, token }: { sync: StoredSync; tick: OpenTick; token: Token },
    signal: AbortSignal,
  ) {
    this.#parts = parts;
    this.#sync = sync;
    this.#tick = tick;
    this.#token = token;
    this.#signal = signal;
    this.#policy = parts.policyOf(sync);
  }

  /** Writes which run and which window it will be: nothing else happens before that is known. */
  async begin(): Promise<undefined> {
    const { store, nowMs, newRunId } = this.#parts;
    const { name, version } = this.#sync;
    const state = readState(this.#sync);
    const { watermark } = this.#policy;
    const isNamed = this.#tick.isBackfill === true;
    const since = isNamed
      ? this.#tick.since
      : (minus(state.watermark, watermark.overlapMs) ?? watermark.startMs);
    const end = isNamed ? (this.#tick.until ?? nowMs()) : this.#tick.due - watermark.lagMs;
    const until = Math.max(end, since ?? end);
    const startedAt = nowMs();
    const carriedIn = isNamed
      ? 0
      : dueRows(readCarried(name, await store.readCarried(name)).rows, startedAt).length;
    const runId = newRunId(name);
    const tick: OpenTick = { ...this.#tick, runId, startedAt, until, carriedIn };
    if (since === undefined) delete tick.since;
    else tick.since = since;
    const open = [tick, ...state.open.slice(1)];
    const { due, kind } = tick;
    const record: TickRecord = { due, kind, became: "running", runId, startedAt };
    const ticks = [{ id: tick.id, at: due, record }];
    if (await store.changeSync(name, { version, token: this.#token }, { state: { ...state, open }, ticks })) {
      this.#tell("running", runId);
    }
    return undefined;
  }

  /** Undefined: look again. */
  async look(runId: string): Promise<SettledTick | undefined> {
    const { store, clock, owner, windDown } = this.#parts;
    const run = await store.getRun(runId);
    if (this.#signal.aborted && run !== undefined && apparentState(run) !== "finished") {
      return this.#settle({ result: "interrupted", run });
    }
    if (run === undefined) {
      if (this.#tick.cancelledBy !== undefined) return this.#settle({ result: "cancelled", run: undefined });
      return this.#conduct(runId, undefined);
    }
    const state = apparentState(run);
    switch (state) {
      case "finished":
        return this.#settle({ result: "finished", run });
      case "stopped":
      case "cancelled":
        await windDown(runId, this.#signal);
        return this.#settle({ result: state, run: (await store.getRun(runId)) ?? run });
      case "interrupted":
        if (this.#tick.cancelledBy !== undefined) {
          await store.changeRun(runId, { state: "cancelled" });
          return undefined;
        }
        return this.#conduct(runId, run);
      case "reading":
      case "draining":
      case "verifying":
        // This process's own, and yet nobody conducts it: the store failed it on the way. Else another one's still.
        if (run.owner === owner()) {
          await store.changeRun(runId, { state: "interrupted" }, ACTIVE_STATES);
          return undefined;
        }
        break;
      case "paused":
        break;
      default:
        return state satisfies never;
    }
    if (this.#tick.cancelledBy !== undefined) {
      await store.changeRun(runId, { state: "cancelled" }, [...ACTIVE_STATES, "paused"]);
    }
    await clock.sleep(LOOK_MS, this.#signal);
    return undefined;
  }

  async #conduct(runId: string, run: Run | undefined): Promise<SettledTick | undefined> {
    const { store, conduct } = this.#parts;
    const watching = new AbortController();
    const cancelling = this.#watchForCancelling(runId, watching.signal);
    try {
      const sources = run?.sourceComplete === true ? "held" : await this.#sources();
      if (sources === undefined) return undefined;
      const read =
        sources === "held" ? undefined : run === undefined ? await peeked(sources, this.#signal) : sources;
      // No run is made of nothing.
      if (run === undefined && read === undefined)
        return await this.#settle({ result: "empty", run: undefined });
      await conduct({ sync: this.#sync, runId, run, sources: read, graceMs: this.#graceMs() }, this.#signal);
      // What became of it is looked at as if another process had conducted it.
      return undefined;
    } catch (error) {
      if (this.#signal.aborted) throw error;
      const fault = faultOf(error);
      // Somebody else has taken the run up meanwhile.
      if (fault.code === "run_state" || fault.code === "run_exists") {
        await this.#parts.clock.sleep(LOOK_MS, this.#signal);
        return undefined;
      }
      if (fault.code.startsWith("store_")) throw error;
      // No run could be made of it: the next tick tries anew.
      if ((await store.getRun(runId)) === undefined) {
        return await this.#settle({ result: "failed", run: undefined, error: fault });
      }
      const halt = { code: fault.code, message: fault.message };
      await store.changeRun(runId, { state: "stopped", halt }, [...ACTIVE_STATES, "interrupted"]);
      return undefined;
    } finally {
      watching.abort();
      await cancelling;
    }
  }

  /** Undefined: look again. */
  async #sources(): Promise<OpenedSources | undefined> {
    const carried = readCarried(this.#sync.name, await this.#parts.store.readCarried(this.#sync.name));
    const opened = await this.#open(carried);
    if (opened === undefined || this.#tick.isBackfill === true) return opened?.sources;
    return withCarried(dueRows(carried.rows, this.#tick.startedAt ?? 0), opened.sources);
  }

  /** Which files the run reads is written before it does; undefined: look again. */
  async #open(carried: Carried): Promise<OpenedSync | undefined> {
    const { store, open, nowMs } = this.#parts;
    const { since, until = nowMs(), runId = "" } = this.#tick;
    const isNamed = this.#tick.isBackfill === true;
    const known = isNamed ? [] : carried.files;
    const window = { sinceMs: since, untilMs: until, isNamed };
    const opened = await open({ sync: this.#sync, runId, window, known }, this.#signal);
    if (opened.files === undefined || isNamed) return opened;
    const { reading, kept } = opened.files;
    if (sameFiles(reading, carried.reading) && sameFiles(kept, carried.files)) return opened;
    for (;;) {
      const sync = await store.getSync(this.#sync.name);
      if (sync?.claim?.token !== this.#token) return undefined;
      const from = { version: sync.version, token: this.#token };
      const change = { carried: writeCarried({ ...carried, files: kept, reading }) };
      if (await store.changeSync(sync.name, from, change)) return opened;
    }
  }

  /** Where the next tick is further away than that, the run waits itself; else the row is carried into the next. */
  #graceMs(): number {
    const { schedule, graceMs } = this.#policy;
    if (schedule === undefined || this.#tick.isBackfill === true) return graceMs;
    const now = this.#parts.nowMs();
    const next = nextDue({ ...schedule, sync: this.#sync.name }, now);
    return next - now > graceMs ? graceMs : 0;
  }

  async #watchForCancelling(runId: string, signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#parts;
    while (!signal.aborted) {
      await clock.sleep(LOOK_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      const sync = await store.getSync(this.#sync.name).catch(() => undefined);
      const [tick] = sync === undefined ? [] : readState(sync).open;
      if (tick?.runId !== runId || tick.cancelledBy === undefined) continue;
      await store.changeRun(runId, { state: "cancelled" }, ACTIVE_STATES).catch(() => undefined);
    }
  }

  async #settle(end: TickEnd): Promise<SettledTick | undefined> {
    const settled = await settleTick(
      { ...this.#parts, policy: this.#policy, token: this.#token },
      { name: this.#sync.name, tick: this.#tick, end },
    );
    if (settled === undefined) return undefined;
    const { result = "ran", runId, error } = settled.record;
    this.#tell(error === undefined ? result : `${result}: ${error.code}: ${error.message}`, runId);
    return settled;
  }

  #tell(became: string, runId: string | undefined): void {
    this.#parts.onChange({ sync: this.#sync.name, tick: this.#tick.id, runId, became });
  }
}

function minus(ms: number | undefined, by: number): number | undefined {
  return ms === undefined ? undefined : ms - by;
}

function faultOf(error: unknown): TraceloadError {
  if (error instanceof TraceloadError) return error;
  return new TraceloadError("bug", error instanceof Error ? error.message : String(error), { cause: error });
}

function sameFiles(one: readonly FileMark[], other: readonly FileMark[]): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
