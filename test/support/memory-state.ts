/** What the in-memory store remembers, and the two writes that every rule goes through: entries and results. */
import type { GroupKey, RowKey } from "../../src/core/row.ts";
import type {
  Group,
  GroupPhase,
  Lease,
  LeaseId,
  LedgerEntry,
  LedgerNote,
  Run,
  StoredRow,
} from "../../src/core/store.ts";
import type { MemorySyncs } from "./memory-syncs.ts";

export interface MemoryRun {
  record: Omit<Run, "counts" | "ownerAlive">;
  rows: Map<number, StoredRow>;
}

export interface MemoryEntry extends LedgerEntry {
  group: GroupKey;
  owner: LeaseId | undefined;
  /** The group's draft when the row was claimed: where its request, if it was applied, put it. */
  claimedFor: number | undefined;
}

export interface MemoryGroup {
  phase: GroupPhase;
  draftDatasetId: number | undefined;
  baseline: number | undefined;
  added: number;
  resent: number;
  version: number;
  checkedAt: number | undefined;
  lock: { owner: LeaseId; until: number } | undefined;
}

export interface MemoryLimiter {
  /** Theoretical arrival time: when the next slot is due. */
  tat: number;
  pausedUntil: number;
  senders: Map<string, { ratePerSecond: number | undefined; seenAt: number }>;
  answered: number;
  refused: number;
  pace: {
    version: number;
    ceilingPerSecond: number | undefined;
    memory: Record<string, unknown> | undefined;
  };
}

export interface MemoryState {
  now(): number;
  leases: Map<LeaseId, Lease>;
  runs: Map<string, MemoryRun>;
  entries: Map<RowKey, MemoryEntry>;
  notes: Map<RowKey, LedgerNote[]>;
  groups: Map<GroupKey, MemoryGroup>;
  limiters: Map<string, MemoryLimiter>;
  syncs: MemorySyncs;
  syncsRevision: number;
  lastRunSeq: number;
  lastLease: number;
}

export function emptyState(now: () => number): MemoryState {
  return {
    now,
    leases: new Map(),
    runs: new Map(),
    entries: new Map(),
    notes: new Map(),
    groups: new Map(),
    limiters: new Map(),
    syncs: new Map(),
    syncsRevision: 0,
    lastRunSeq: 0,
    lastLease: 0,
  };
}

/** A lease that ran out is forgotten at the first look, so nothing can revive it. */
export function leaseHeld(state: MemoryState, id: LeaseId): boolean {
  const lease = state.leases.get(id);
  if (lease !== undefined && lease.expiresAt <= state.now()) state.leases.delete(id);
  return state.leases.has(id);
}

function newGroup(): MemoryGroup {
  return {
    phase: "new",
    draftDatasetId: undefined,
    baseline: undefined,
    added: 0,
    resent: 0,
    version: 0,
    checkedAt: undefined,
    lock: undefined,
  };
}

/** The group to write to: from now on it is one of the groups there are. */
export function groupOf(state: MemoryState, key: GroupKey): MemoryGroup {
  const group = readGroup(state, key);
  state.groups.set(key, group);
  return group;
}

/** The group to look at. */
export function readGroup(state: MemoryState, key: GroupKey): MemoryGroup {
  return state.groups.get(key) ?? newGroup();
}

export function entriesOf(state: MemoryState, key: GroupKey): MemoryEntry[] {
  return [...state.entries.values()].filter((entry) => entry.group === key);
}

export function groupView(state: MemoryState, key: GroupKey): Group {
  const { lock: _lock, ...group } = readGroup(state, key);
  const entries = entriesOf(state, key);
  return {
    key,
    ...group,
    sending: entries.filter((entry) => entry.state === "sending").length,
    unknown: entries.filter((entry) => entry.state === "unknown").length,
  };
}

/** Whether somebody looks after the group's draft, or verifies it: claims wait. */
export function isLocked({ lock }: MemoryGroup, state: MemoryState): boolean {
  return lock !== undefined && lock.until > state.now() && leaseHeld(state, lock.owner);
}

export function limiterOf(state: MemoryState, name: string): MemoryLimiter {
  const known = state.limiters.get(name);
  if (known !== undefined) return known;
  const fresh: MemoryLimiter = {
    tat: 0,
    pausedUntil: 0,
    senders: new Map(),
    answered: 0,
    refused: 0,
    pace: { version: 0, ceilingPerSecond: undefined, memory: undefined },
  };
  state.limiters.set(name, fresh);
  return fresh;
}

export function runBySeq(state: MemoryState, seq: number): MemoryRun | undefined {
  return [...state.runs.values()].find((run) => run.record.seq === seq);
}

export function writeEntry(state: MemoryState, entry: MemoryEntry): void {
  state.entries.set(entry.key, entry);
  groupOf(state, entry.group).version += 1;
}

export function deleteEntry(state: MemoryState, entry: MemoryEntry): void {
  state.entries.delete(entry.key);
  groupOf(state, entry.group).version += 1;
}

export type Result = Pick<StoredRow, "status"> &
  Partial<
    Pick<
      StoredRow,
      "draftDatasetId" | "mode" | "attempts" | "httpStatus" | "errorCode" | "error" | "durationMs"
    >
  >;

/** Replaces the row's result; only the number of attempts outlives it, and adds up. A row that is not stored stays so. */
export function setResult(state: MemoryState, run: MemoryRun | undefined, row: number, result: Result): void {
  const stored = run?.rows.get(row);
  if (run === undefined || stored === undefined) return;
  run.rows.set(row, {
    ...stored,
    draftDatasetId: undefined,
    mode: undefined,
    httpStatus: undefined,
    errorCode: undefined,
    error: undefined,
    durationMs: undefined,
    finishedAt: result.status === "queued" ? undefined : state.now(),
    ...result,
    attempts: stored.attempts + (result.attempts ?? 0),
  });
}

const FINAL = new Set(["added", "duplicate", "rejected", "failed", "invalid"]);

/** Whether the row of this run has a result that only a late 201 may still change. */
export function hasFinalResult(run: MemoryRun | undefined, row: number): boolean {
  const stored = run?.rows.get(row);
  return stored !== undefined && FINAL.has(stored.status);
}

/** A row that is unknown already keeps the first reason: it says more than the later ones. */
export function holdRow(
  state: MemoryState,
  held: { run: MemoryRun | undefined; row: number; errorCode: string; error: string },
): void {
  const stored = held.run?.rows.get(held.row);
  if (stored === undefined || stored.status === "unknown" || hasFinalResult(held.run, held.row)) return;
  setResult(state, held.run, held.row, {
    status: "unknown",
    errorCode: held.errorCode,
    error: held.error,
  });
}

/** The owner of the request is lost: nobody will say what became of it. Token and `until` stay. */
export function loseEntry(state: MemoryState, entry: MemoryEntry): void {
  writeEntry(state, { ...entry, state: "unknown" });
  holdRow(state, {
    run: runBySeq(state, entry.runSeq),
    row: entry.row,
    errorCode: "worker_lost",
    error: "the process that sent this row was lost before it could say what became of it",
  });
}

export function isAbandoned(state: MemoryState, entry: MemoryEntry): boolean {
  const ownerGone = entry.owner === undefined || !leaseHeld(state, entry.owner);
  return ownerGone || (entry.until !== undefined && state.now() > entry.until);
}
