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
import type { Syncs } from "./syncs.ts";

/** 16 lowercase hex digits, random, minted before the claim call and reused by every retry of that call. */
export type Token = string & { readonly __brand: "Token" };

/** Names a process in the store; given out by `openLease`, never reused. */
export type LeaseId = string & { readonly __brand: "LeaseId" };

export interface LeaseHolder {
  host: string;
  /** Changes with each boot of the host: pids of two boots say nothing of each other. */
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
  /** The run whose rows this one tries again. */
  parent?: string;
}

/** What asking the server about a group's draft came to, at the end of a run or when somebody asked. */
export interface Verdict {
  datasetGroupId: number;
  draftDatasetId: number | undefined;
  /**
   * - `verified`: the draft holds what traceload added, no more and no less; no row of the group is in doubt.
   * - `other-writer`: it holds rows that traceload did not add, or lacks some that it did.
   * - `inconclusive`: the server could not be asked, or its answers did not settle it.
   * - `not-checked`: there was nothing to count against, or nobody asked.
   */
  kind: "verified" | "other-writer" | "inconclusive" | "not-checked";
  /** A sentence for people, where the kind does not say it all. */
  reason: string | undefined;
  /** Rows before traceload's first, rows it was confirmed, rows in doubt, and rows in the draft, when it was read. */
  baseline: number | undefined;
  added: number;
  unknown: number;
  total: number | undefined;
  /** Rows in doubt that turned out to be there, and not to be. */
  landed: number;
  absent: number;
  /** On the store's clock. */
  at: number;
  /** What became of the draft's publication, if the run was to see to it. */
  publication?: Publication;
}

/** How far the publication of a group's draft has come. */
export interface Publication {
  /**
   * - `asked`: save-draft was sent, or is about to be; the draft has no version number yet.
   * - `published`: it has one.
   * - `refused`: it was not asked for: the run's policy, or what else there is in the group, forbade it.
   * - `failed`: it could not be asked for, or the draft is not there any more.
   */
  state: "asked" | "published" | "refused" | "failed";
  draftDatasetId?: number;
  /** Set when it is published. */
  versionNumber?: number;
  /** A sentence for people, unless it is published. */
  reason?: string;
  /** When save-draft was last sent, on the store's clock: written before it leaves. */
  askedAt?: number;
}

export interface Run extends Omit<NewRun, "owner" | "parent"> {
  parent: string | undefined;
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
  /** Groups whose rows are not sent any more, while the run goes on with the others'. */
  haltedGroups: { datasetGroupId: number; code: string; message: string }[];
  warnings: string[];
  /** The last verdict on each group that was asked about, in the order of the groups' ids. */
  verdicts: Verdict[];
  counts: StatusCounts;
  createdAt: number;
  finishedAt: number | undefined;
}

export interface RunChange {
  state?: RunState;
  owner?: LeaseId | null;
  sourceComplete?: boolean;
  /** null: there is no reason any more; the run goes on. */
  halt?: { code: string; message: string } | null;
  /** Added to the halted groups unless the group is there already; null: none is halted any more. */
  haltedGroup?: { datasetGroupId: number; code: string; message: string } | null;
  /** Added to the run's warnings unless it is there already. */
  warning?: string;
  /** Takes the place of the run's verdict on that group. */
  verdict?: Verdict;
  /** Notes the time of the end; `false` takes it back. */
  finished?: boolean;
}

/** A row as the producer hands it over. Texts are exactly as the source wrote them. */
export interface NewRow {
  /** Counts from 1 within the run, in input order; a rerun's rows keep the numbers of its parent's, with gaps. */
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
  /** Set for added, unless a person decided so and no draft was known. */
  draftDatasetId: number | undefined;
  /** Store's clock: until when a request under this token could still be applied. Set for sending and unknown. */
  until: number | undefined;
}

/** What a decision is about: the entry as it was when it was looked at. */
export type SeenEntry = "none" | Pick<LedgerEntry, "state" | "token">;

/** What a person decided about an entry. */
export interface LedgerNote {
  /** On the store's clock. */
  at: number;
  /** Who: a user's name and host. */
  by: string;
  decision: "added" | "absent";
  why: string;
}

/** An entry as it moves from store to store: without the run it came from, which does not move with it. */
export interface PortableEntry {
  key: RowKey;
  group: GroupKey;
  state: "unknown" | "added";
  token: Token;
  /** Where the row is; for unknown, the draft it was claimed for. */
  draftDatasetId: number | undefined;
  /** As in the entry: set for unknown. */
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
  /**
   * Not now: try again, with a new slot, after `retryInMs`. Nothing was written. `recovery`: the store's server was
   * restarted or replaced, and waits until every living process has told it again what it may have forgotten.
   */
  | { kind: "wait"; reason: "draft" | "sending" | "paused" | "recovery"; retryInMs: number }
  /** The row has its final result. Drop the job; nothing was written. */
  | { kind: "done" }
  /** The ledger says added: by this very row of this run (`own`), or before it. The result is written. */
  | { kind: "already-added"; own: boolean }
  /** An earlier request's outcome is not known. The result is written; the row is held. */
  | { kind: "unknown" };

export interface AttemptFacts {
  /** Requests that left under this claim: they come on top of those that left for this row in this run before. */
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
  /**
   * Certainly not applied, and to be tried again: the entry goes, the row is queued. A row that was unknown by now, in
   * a run that is neither reading nor draining, becomes unprocessed: nobody would take it from the queue.
   */
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
  /** Moves with every change of an entry of the group, and whenever `setGroup` or `putGroup` sets draft or `added`. */
  version: number;
  /** When the draft was last looked up, on the store's clock. */
  checkedAt: number | undefined;
  /**
   * Rows that a person had sent once more, or put right by hand, since the baseline: what the draft's count says about
   * rows in doubt cannot be told any more.
   */
  resent: number;
}

/** What is in doubt in a group, at one instant. */
export interface Doubt {
  /** The group's version at that instant. */
  version: number;
  /** On the store's clock. */
  now: number;
  /** Entries that are sending. */
  sending: number;
  /** Unknown entries that were claimed for the group's present draft: only these can be judged by its count. */
  unknown: number;
  /** Unknown entries that were claimed for another draft, or before the draft was known. */
  elsewhere: number;
  /** Until when a request of one of `unknown` could still be applied; undefined when there are none. */
  until: number | undefined;
  /** The same of `elsewhere`: whatever they were claimed for, they would be applied to the draft that there is then. */
  elsewhereUntil: number | undefined;
}

export interface SlotGrant {
  /** Milliseconds from the answer until the first slot, 0 or more. */
  startInMs: number;
  /** Between one slot and the next. */
  intervalMs: number;
  /**
   * The rate in force, per second: the lowest that a living sender asks for, or the ceiling where that is lower or
   * nobody asks. undefined: no limit.
   */
  ratePerSecond: number | undefined;
  /** Whether the first slot comes after the store's recovery: until then no claim is granted. */
  recovering?: boolean;
}

/** Where a limiter stands: what its senders were answered, and the pace that was set last. */
export interface PaceRecord {
  /** On the store's clock, in milliseconds. */
  now: number;
  /** Moves with every `setPace`; 0 before the first. */
  version: number;
  /** Requests answered since the limiter's beginning, refused ones (429) among them. */
  answered: number;
  refused: number;
  ceilingPerSecond: number | undefined;
  /** The policy's own memory, as it was set: JSON, opaque to the store. */
  memory: Record<string, unknown> | undefined;
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
  /**
   * Turns `unprocessed` rows from `fromRow` to `toRow` (both included, at most 1,000) into `queued` again, attempts
   * kept. Answers how many. Refused (0) unless the run is in a running state.
   */
  requeue(runId: string, range: { fromRow: number; toRow: number }): Promise<number>;
  /**
   * Lets `unknown` results follow the ledger. The entry is added: by this very row, the row is `added` to the entry's
   * draft; by another, it is a `duplicate`. There is no entry: the row is `queued` while the run is running or
   * verifying, else `unprocessed`. The entry is sending or unknown, or the row is not unknown: nothing changes.
   * Attempts are kept; all else that is known of the last one is forgotten. At most 1,000 rows a call.
   * Answers how many changed.
   */
  reconcile(runId: string, rows: readonly { row: number; key: RowKey }[]): Promise<number>;
}

export interface Ledger {
  /** The entries there are, in no particular order. At most 1,000 keys a call. */
  lookup(keys: readonly RowKey[]): Promise<LedgerEntry[]>;
  /** What was granted is granted again under the same token, whatever pause or gate came since. */
  claim(request: ClaimRequest): Promise<ClaimAnswer>;
  /** Always acknowledges; a settlement that no longer applies changes nothing. */
  settle(request: SettleRequest): Promise<void>;
  /** Turns entries that are sending under a lost lease, or past their time, into unknown. Answers how many. */
  sweep(): Promise<number>;
  /**
   * A person decides: `added` makes the entry added, `absent` removes it. Results do not change: `reconcile` follows.
   * Refused (`false`), without a note, while the entry is sending; and where it is neither as it was `seen` (undefined:
   * whatever it is) nor as it was decided already.
   *
   * The draft it is added to is `draftDatasetId`, else the one it is in or was claimed for, else the group's present
   * one. Token, run and row stay; an entry made from nothing has a token of zeros, run 0 and row 0.
   *
   * The group's `added` counts an unknown entry that was claimed for the present draft and is added to it now. Every
   * other change that puts an entry into the present draft, or takes an added one out of it, counts in `resent`.
   *
   * Each decision is noted; one that changes nothing, and says what the last note says, is not noted again.
   */
  decide(request: {
    key: RowKey;
    group: GroupKey;
    decision: LedgerNote["decision"];
    draftDatasetId: number | undefined;
    by: string;
    why: string;
    seen?: SeenEntry;
  }): Promise<boolean>;
  /** Oldest first. */
  readNotes(key: RowKey): Promise<LedgerNote[]>;
  /**
   * Entries page by page, in an order of the store's own; sending ones come as unknown. `cursor` undefined: from the
   * beginning; in the answer: that was all. About `limit` entries a page; every entry that stays during the whole
   * walk comes at least once.
   */
  readEntries(page: {
    cursor: string | undefined;
    limit: number;
  }): Promise<{ entries: PortableEntry[]; cursor: string | undefined }>;
  /**
   * Takes entries over from another store, with their tokens, as of run 0 and row 0; at most 1,000 a call. An entry
   * that is there already stays as it is, but for an unknown one that comes as added: it becomes added as if a person
   * had decided so, unnoted. Groups that are not known are made, as `new`. For entries that are new here, counts of
   * groups' `added` do not move (`putGroup`). Answers how many changed something.
   */
  putEntries(entries: readonly PortableEntry[]): Promise<number>;
  /**
   * Forgets the group's `added` entries, at most about `limit` a call; unknown and sending ones stay, and so does what
   * the group counts. Not one step: they go in pieces, each of which is one. Answers how many went: 0 when there are
   * none left.
   */
  removeEntries(group: GroupKey, limit: number): Promise<number>;
}

export interface Groups {
  /** A group nobody has seen is `new`, with zeros. */
  getGroup(key: GroupKey): Promise<Group>;
  /** All groups that were set, put, locked or had an entry, in no particular order. To read a group does not make it. */
  listGroups(): Promise<Group[]>;
  /**
   * Lets one process at a time look after the group's draft, and is the gate of verification: once it is granted, no
   * claim of the group is granted (they wait, reason `draft`) until it is given back, its time is over, or its owner's
   * lease is lost. Claims granted before stay good: they settle, and repeated under the same token they are granted
   * again. Repeating it extends the hold. Refused to an owner whose lease is lost.
   */
  lockGroup(key: GroupKey, owner: LeaseId, ttlMs: number): Promise<boolean>;
  unlockGroup(key: GroupKey, owner: LeaseId): Promise<void>;
  /**
   * Opens the group, or puts it into solo. Naming another draft than the stored one sets `added` to 0 and the baseline
   * to the given one; naming the same draft keeps both unless a baseline is given (then `added` is set to 0, too).
   * `resent` is set to 0 with `added`. Leaves the hold on the group as it is.
   */
  setGroup(
    key: GroupKey,
    change: { phase: "solo" | "open"; draftDatasetId: number | undefined; baseline: number | undefined },
  ): Promise<void>;
  /**
   * Takes a group's phase, draft, baseline, added and resent over from another store, unless it is not `new` here. When
   * the draft was looked up is not taken over.
   */
  putGroup(
    group: Pick<Group, "key" | "phase" | "draftDatasetId" | "baseline" | "added" | "resent">,
  ): Promise<void>;
  readDoubt(key: GroupKey): Promise<Doubt>;
  /**
   * Ends the doubt about the group's unknown entries that were claimed for `draftDatasetId`: all of them, or those of
   * `keys`. `landed`: they become added to that draft, and the group's `added` counts them. `absent`: they go.
   * `resend`: they go as well, whatever draft they were claimed for, by the user's choice, and `resent` counts them.
   * Results do not change: `reconcile` follows.
   *
   * Refused (`undefined`) unless the group's version and draft are the given ones and nothing of it is sending: then
   * nothing changed since they were read. Answers the number of entries. Repeated with the same version it is refused,
   * since it moved that, unless there were none: then it changed nothing. Whether enough time has passed for `absent`
   * is the caller's to know (`Doubt.until`). Keys without an unknown entry of the group do not matter.
   */
  commitVerdict(
    key: GroupKey,
    verdict: {
      kind: "landed" | "absent" | "resend";
      version: number;
      draftDatasetId: number | undefined;
      keys?: readonly RowKey[];
    },
  ): Promise<number | undefined>;
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
  /** Adds to the limiter's counts, and answers where it stands. Not repeatable: a lost answer may count twice. */
  noteAnswers(request: { limiter: string; answered: number; refused: number }): Promise<PaceRecord>;
  /**
   * Puts a ceiling on the limiter's rate, beside what its senders ask for; undefined lifts it. It holds from the next
   * slot on that is reserved. Refused (`false`) when another pace was set since `version`.
   */
  setPace(request: {
    limiter: string;
    version: number;
    ceilingPerSecond: number | undefined;
    memory: Record<string, unknown>;
  }): Promise<boolean>;
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

export interface Store extends Leases, Runs, Rows, Ledger, Groups, Limiter, Syncs {
  readonly facts: StoreFacts;
  /** Milliseconds since the epoch on the store's clock. */
  now(): Promise<number>;
  close(): Promise<void>;
}
