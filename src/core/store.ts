/**
 * The port to the store: ledger, runs, row results, groups, leases and the limiter. The queue has a port of its own.
 *
 * Every method is one atomic step on the store's own clock, and every write may be repeated with the same arguments:
 * twice is once (a lost acknowledgement is answered by asking again). Methods wait while the store is out of reach
 * and reject only when it is closed or refuses for good. The rules are the sending protocol's; the conditions under
 * which they hold are in docs/protocol.md.
 */
import type { AddMode, UnknownReason } from "./outcome.ts";
import type { GroupKey, RowKey } from "./row.ts";
import type { RunState, StatusCounts, StoredStatus } from "./status.ts";

/** 16 lowercase hex digits, random, minted before the claim call and reused by every retry of that call. */
export type Token = string & { readonly __brand: "Token" };

/** Names a process in the store; given out by `openLease`, never reused. */
export type LeaseId = string & { readonly __brand: "LeaseId" };

export interface LeaseHolder {
  host: string;
  /** Changes with each boot of the host, so that a pid of an earlier boot is never taken for a living one. */
  bootId: string;
  pid: number;
  /** When the process started, in the operating system's own notation: tells a reused pid apart. */
  processStart: string;
}

export interface Lease extends LeaseHolder {
  id: LeaseId;
  expiresAt: number;
}

export interface NewRun {
  /** Chosen by the caller; `[A-Za-z0-9_-]{1,64}`. */
  runId: string;
  /** SHA-256, hex: equal for imports that would send the same rows. */
  fingerprint: string;
  origin: string;
  /** Names of the sources, in order; rows point into this list. */
  sources: string[];
  /** Settings that workers and later commands need (rate, timeouts, limiter key …): JSON, opaque to the store. */
  options: Record<string, unknown>;
  owner: LeaseId;
}

export interface Run extends Omit<NewRun, "owner"> {
  /** Counts from 1 in each store; short enough to stand in every entry. */
  seq: number;
  state: RunState;
  /** The process that reads the sources; undefined once the run was handed to the workers. */
  owner: LeaseId | undefined;
  /** Whether the owner's lease is still held. */
  ownerAlive: boolean;
  /** Whether every row of every source was read and stored. */
  sourceComplete: boolean;
  /** Why the run stopped, if it did: an error code, and a sentence. */
  halt: { code: string; message: string } | undefined;
  warnings: string[];
  counts: StatusCounts;
  createdAt: number;
  finishedAt: number | undefined;
}

export interface RunChange {
  state?: RunState;
  owner?: LeaseId | null;
  sourceComplete?: boolean;
  halt?: { code: string; message: string };
  /** Added to the run's warnings unless it is there already. */
  warning?: string;
  finished?: boolean;
}

/** A row as the producer hands it over. Texts are exactly as the source wrote them. */
export interface NewRow {
  /** Counts from 1 within the run, in input order. */
  row: number;
  /** Index into the run's sources. */
  source: number;
  line: number;
  datasetGroupId: string;
  traceId: string;
  spanId: string;
  /** Undefined exactly when the row is invalid. */
  key: RowKey | undefined;
  status: "queued" | "invalid" | "duplicate" | "unknown";
  /** For invalid and unknown rows, and for duplicates where it is known: what stands in the report. */
  errorCode?: string;
  error?: string;
  draftDatasetId?: number;
}

/** A row with its result so far. */
export interface StoredRow {
  row: number;
  source: number;
  line: number;
  datasetGroupId: string;
  traceId: string;
  spanId: string;
  status: StoredStatus;
  draftDatasetId: number | undefined;
  mode: AddMode | undefined;
  attempts: number;
  httpStatus: number | undefined;
  errorCode: string | undefined;
  error: string | undefined;
  durationMs: number | undefined;
  finishedAt: number | undefined;
}

export type EntryState = "sending" | "unknown" | "added";

/** One row's entry in the ledger. No entry: never sent, or certainly not applied. */
export interface LedgerEntry {
  key: RowKey;
  state: EntryState;
  token: Token;
  runSeq: number;
  row: number;
  /** Set for added. */
  draftDatasetId: number | undefined;
  /** Store's clock: until when a request under this token could still be applied. Set for sending and unknown. */
  until: number | undefined;
}

export interface ClaimRequest {
  key: RowKey;
  group: GroupKey;
  runId: string;
  row: number;
  token: Token;
  owner: LeaseId;
  /** Send window + request timeout + horizon: how long a request under this claim could still be applied. */
  holdMs: number;
  /** The limiter whose pause also holds back rows that already have their slot. */
  limiter: string;
}

export type ClaimAnswer =
  /** The entry says `sending` with this token, durably. Only now may the request leave. */
  | { kind: "claimed" }
  /** The run is not running. Nothing was written. */
  | { kind: "stopped" }
  /** Not now: try again, with a new slot, after `retryInMs`. Nothing was written. */
  | { kind: "wait"; reason: "draft" | "sending" | "paused"; retryInMs: number }
  /** The row has its final result. Drop the job; nothing was written. */
  | { kind: "done" }
  /** The ledger says added: by this very row of this run (`own`), or before it. The result is written. */
  | { kind: "already-added"; own: boolean }
  /** An earlier request's outcome is not known. The result is written; the row is held. */
  | { kind: "unknown" };

export interface AttemptFacts {
  /** Requests that left for this row in this run, this one included. */
  attempts: number;
  httpStatus: number | undefined;
  durationMs: number;
}

export type Settlement =
  | {
      kind: "added";
      draftDatasetId: number;
      mode: AddMode;
      warning: { code: string; message: string } | undefined;
    }
  | { kind: "rejected" | "failed"; code: string; message: string }
  | { kind: "unknown"; reason: UnknownReason; message: string }
  /** Certainly not applied, and to be tried again: the entry goes, the row stays queued. */
  | { kind: "released" };

export interface SettleRequest {
  key: RowKey;
  group: GroupKey;
  runId: string;
  row: number;
  token: Token;
  settlement: Settlement;
  facts: AttemptFacts;
}

/**
 * - `new`: nobody looked at this group's draft yet; claims wait.
 * - `solo`: the draft endpoints are not allowed; until a 201 names the draft, one row goes at a time.
 * - `open`: claims are granted.
 */
export type GroupPhase = "new" | "solo" | "open";

export interface Group {
  key: GroupKey;
  phase: GroupPhase;
  draftDatasetId: number | undefined;
  /** Rows in the draft before traceload's first, if it could be read. */
  baseline: number | undefined;
  /** Confirmed additions to the present draft since the baseline: every 201, of every run. */
  added: number;
  /** Entries of the group that are `sending`, and `unknown`, now. */
  sending: number;
  unknown: number;
  /** Moves with every change of an entry of the group. */
  version: number;
  /** When the draft was last looked up, on the store's clock. */
  checkedAt: number | undefined;
}

export interface SlotGrant {
  /** Milliseconds from the answer until the first slot, 0 or more. */
  startInMs: number;
  /** Between one slot and the next. */
  intervalMs: number;
  /** The rate in force, per second: the lowest that a living sender asks for. undefined: no limit. */
  ratePerSecond: number | undefined;
}

export interface Leases {
  openLease(holder: LeaseHolder, ttlMs: number): Promise<LeaseId>;
  /** `false`: the lease was lost; it is never revived. */
  renewLease(id: LeaseId, ttlMs: number): Promise<boolean>;
  endLease(id: LeaseId): Promise<void>;
  /** Leases that are held now. */
  listLeases(): Promise<Lease[]>;
}

export interface Runs {
  /** Rejects with `run_exists` when another fingerprint or owner has the id. */
  createRun(run: NewRun): Promise<Run>;
  getRun(runId: string): Promise<Run | undefined>;
  /** Newest first. */
  listRuns(filter?: { states?: readonly RunState[]; limit?: number }): Promise<Run[]>;
  /**
   * Applies the change only while the run's state is one of `from` (default: any). Answers whether it was applied.
   * Reaching a state that is already there counts as applied.
   */
  changeRun(runId: string, change: RunChange, from?: readonly RunState[]): Promise<boolean>;
  /**
   * Removes the run and its results, never the ledger or groups. Answers `false`, and removes nothing, while the run
   * can still run or has rows that are sending or unknown.
   */
  removeRun(runId: string): Promise<boolean>;
}

export interface Rows {
  /**
   * Stores rows and their first status. A row that is already stored keeps what it has. At most 1,000 rows a call.
   */
  putRows(runId: string, rows: readonly NewRow[]): Promise<void>;
  /** Rows `fromRow` and after in row order, at most `limit`; with `statuses`, only those (still in row order). */
  readRows(
    runId: string,
    page: { fromRow: number; limit: number; statuses?: readonly StoredStatus[] },
  ): Promise<StoredRow[]>;
  /**
   * Writes `unprocessed` for those of the rows that are queued and have no entry of their own that is sending.
   * Answers how many. Refused (0) while the run is in a running state.
   */
  markUnprocessed(runId: string, rows: readonly { row: number; key: RowKey }[]): Promise<number>;
}

export interface Ledger {
  /** The entries there are, in no particular order. At most 1,000 keys a call. */
  lookup(keys: readonly RowKey[]): Promise<LedgerEntry[]>;
  claim(request: ClaimRequest): Promise<ClaimAnswer>;
  /** Always acknowledges; a settlement that no longer applies changes nothing. */
  settle(request: SettleRequest): Promise<void>;
  /** Turns entries that are sending under a lost lease, or past their time, into unknown. Answers how many. */
  sweep(): Promise<number>;
}

export interface Groups {
  /** A group nobody has seen is `new`, with zeros. */
  getGroup(key: GroupKey): Promise<Group>;
  /** Lets one process at a time look after the group's draft. Repeating it extends the hold. */
  lockGroup(key: GroupKey, owner: LeaseId, ttlMs: number): Promise<boolean>;
  unlockGroup(key: GroupKey, owner: LeaseId): Promise<void>;
  /**
   * Opens the group, or puts it into solo. Naming another draft than the stored one sets `added` to 0 and the baseline
   * to the given one; naming the same draft keeps both unless a baseline is given (then `added` is set to 0, too).
   */
  setGroup(
    key: GroupKey,
    change: { phase: "solo" | "open"; draftDatasetId: number | undefined; baseline: number | undefined },
  ): Promise<void>;
}

export interface Limiter {
  /**
   * Reserves `count` evenly spaced slots. `ratePerSecond` undefined asks for no limit of its own; the lowest rate of
   * the senders seen within the last 10 s holds for all. Not repeatable: a lost answer loses its slots.
   */
  reserveSlots(request: {
    limiter: string;
    sender: string;
    ratePerSecond: number | undefined;
    count: number;
  }): Promise<SlotGrant>;
  /** Nobody sends for `ms` from now, slots already handed out included. The longer of two pauses holds. */
  pauseLimiter(limiter: string, ms: number): Promise<void>;
}

export interface StoreFacts {
  kind: "embedded" | "redis" | "postgres";
  /** For people: the URL without credentials. */
  name: string;
  /** Settings that weaken a promise, each with the command that mends it. */
  warnings: string[];
}

export interface Store extends Leases, Runs, Rows, Ledger, Groups, Limiter {
  readonly facts: StoreFacts;
  /** Milliseconds since the epoch on the store's clock. */
  now(): Promise<number>;
  close(): Promise<void>;
}
