/**
 * A store in plain maps: the model that the real stores are compared to, and what the tests of jobs and use cases
 * run on. Each method runs without giving way, so it is one atomic step.
 */
import { TraceloadError } from "../../src/core/errors.ts";
import { RUNNING_STATES, zeroCounts } from "../../src/core/status.ts";
import type {
  Groups,
  Leases,
  Limiter,
  NewRow,
  Rows,
  Run,
  Runs,
  Store,
  StoredRow,
  LeaseId,
} from "../../src/core/store.ts";
import { memoryLedger } from "./memory-ledger.ts";
import {
  emptyState,
  groupOf,
  groupView,
  leaseHeld,
  limiterOf,
  setResult,
  type MemoryRun,
  type MemoryState,
} from "./memory-state.ts";

const SENDER_SEEN_MS = 10_000;

/** `clock.now` is the store's clock, in milliseconds since the epoch. */
export function createMemoryStore(clock: { now(): number }): Store {
  const state = emptyState(() => clock.now());
  return {
    facts: { kind: "embedded", name: "memory", warnings: [] },
    async now() {
      return clock.now();
    },
    async close() {},
    ...memoryLeases(state),
    ...memoryRuns(state),
    ...memoryRows(state),
    ...memoryLedger(state),
    ...memoryGroups(state),
    ...memoryLimiter(state),
  };
}

function memoryLeases(state: MemoryState): Leases {
  return {
    async openLease(holder, ttlMs) {
      state.lastLease += 1;
      const id = `lease-${state.lastLease}` as LeaseId;
      state.leases.set(id, { ...holder, id, expiresAt: state.now() + ttlMs });
      return id;
    },
    async renewLease(id, ttlMs) {
      const lease = leaseHeld(state, id) ? state.leases.get(id) : undefined;
      if (lease === undefined) return false;
      lease.expiresAt = state.now() + ttlMs;
      return true;
    },
    async endLease(id) {
      state.leases.delete(id);
    },
    async listLeases() {
      return [...state.leases.values()]
        .filter((lease) => leaseHeld(state, lease.id))
        .map((lease) => Object.assign({}, lease));
    },
  };
}

function memoryRuns(state: MemoryState): Runs {
  const view = (run: MemoryRun): Run => {
    const counts = zeroCounts();
    for (const row of run.rows.values()) counts[row.status] += 1;
    const { owner } = run.record;
    return structuredClone({
      ...run.record,
      counts,
      ownerAlive: owner !== undefined && leaseHeld(state, owner),
    });
  };
  return {
    async createRun(run) {
      const known = state.runs.get(run.runId);
      if (known !== undefined) {
        if (known.record.fingerprint === run.fingerprint && known.record.owner === run.owner) {
          return view(known);
        }
        throw new TraceloadError("run_exists", `a run named ${run.runId} exists already`);
      }
      state.lastRunSeq += 1;
      const created: MemoryRun = {
        record: {
          ...structuredClone(run),
          seq: state.lastRunSeq,
          state: "reading",
          sourceComplete: false,
          halt: undefined,
          warnings: [],
          createdAt: state.now(),
          finishedAt: undefined,
        },
        rows: new Map(),
      };
      state.runs.set(run.runId, created);
      return view(created);
    },
    async getRun(runId) {
      const run = state.runs.get(runId);
      return run === undefined ? undefined : view(run);
    },
    async listRuns(filter = {}) {
      return [...state.runs.values()]
        .filter((run) => filter.states === undefined || filter.states.includes(run.record.state))
        .toSorted((a, b) => b.record.seq - a.record.seq)
        .slice(0, filter.limit)
        .map(view);
    },
    async changeRun(runId, change, from) {
      const record = state.runs.get(runId)?.record;
      if (record === undefined) return false;
      // A repeat finds the state it asked for; what came with the first time stands.
      if (from !== undefined && !from.includes(record.state)) return change.state === record.state;
      if (change.state !== undefined) record.state = change.state;
      if (change.owner !== undefined) record.owner = change.owner ?? undefined;
      if (change.sourceComplete !== undefined) record.sourceComplete = change.sourceComplete;
      if (change.halt !== undefined) record.halt = { ...change.halt };
      if (change.warning !== undefined && !record.warnings.includes(change.warning)) {
        record.warnings.push(change.warning);
      }
      if (change.finished === true) record.finishedAt ??= state.now();
      if (change.finished === false) record.finishedAt = undefined;
      return true;
    },
    async removeRun(runId) {
      const run = state.runs.get(runId);
      if (run === undefined) return true;
      const mayRun = RUNNING_STATES.includes(run.record.state) || run.record.state === "verifying";
      const hasOpenRows =
        [...run.rows.values()].some((row) => row.status === "unknown") ||
        [...state.entries.values()].some(
          (entry) => entry.runSeq === run.record.seq && entry.state !== "added",
        );
      if (mayRun || hasOpenRows) return false;
      state.runs.delete(runId);
      return true;
    },
  };
}

function memoryRows(state: MemoryState): Rows {
  return {
    async putRows(runId, rows) {
      const run = state.runs.get(runId);
      if (run === undefined) throw new TraceloadError("run_not_found", `there is no run named ${runId}`);
      for (const row of rows) {
        if (!run.rows.has(row.row)) run.rows.set(row.row, storedRow(row, state.now()));
      }
    },
    async readRows(runId, { fromRow, limit, statuses }) {
      return [...(state.runs.get(runId)?.rows.values() ?? [])]
        .filter((row) => row.row >= fromRow && (statuses === undefined || statuses.includes(row.status)))
        .toSorted((a, b) => a.row - b.row)
        .slice(0, limit)
        .map((row) => Object.assign({}, row));
    },
    async markUnprocessed(runId, rows) {
      const run = state.runs.get(runId);
      if (run === undefined || RUNNING_STATES.includes(run.record.state)) return 0;
      let marked = 0;
      for (const { row, key } of rows) {
        const entry = state.entries.get(key);
        const sendsItself =
          entry?.state === "sending" && entry.runSeq === run.record.seq && entry.row === row;
        if (run.rows.get(row)?.status !== "queued" || sendsItself) continue;
        setResult(state, run, row, { status: "unprocessed" });
        marked += 1;
      }
      return marked;
    },
  };
}

function storedRow(row: NewRow, now: number): StoredRow {
  return {
    row: row.row,
    source: row.source,
    line: row.line,
    datasetGroupId: row.datasetGroupId,
    traceId: row.traceId,
    spanId: row.spanId,
    status: row.status,
    draftDatasetId: row.draftDatasetId,
    mode: undefined,
    attempts: 0,
    httpStatus: undefined,
    errorCode: row.errorCode,
    error: row.error,
    durationMs: undefined,
    finishedAt: row.status === "queued" ? undefined : now,
  };
}

function memoryGroups(state: MemoryState): Groups {
  return {
    async getGroup(key) {
      return groupView(state, key);
    },
    async lockGroup(key, owner, ttlMs) {
      const group = groupOf(state, key);
      const { lock } = group;
      const taken = lock !== undefined && lock.owner !== owner && lock.until > state.now();
      if (taken && leaseHeld(state, lock.owner)) return false;
      group.lock = { owner, until: state.now() + ttlMs };
      return true;
    },
    async unlockGroup(key, owner) {
      const group = groupOf(state, key);
      if (group.lock?.owner === owner) group.lock = undefined;
    },
    async setGroup(key, change) {
      const group = groupOf(state, key);
      group.phase = change.phase;
      group.checkedAt = state.now();
      // A repeat that comes after a 201 has named the draft must not unname it.
      if (change.draftDatasetId === undefined) return;
      if (change.draftDatasetId === group.draftDatasetId && change.baseline === undefined) return;
      group.draftDatasetId = change.draftDatasetId;
      group.baseline = change.baseline;
      group.added = 0;
    },
  };
}

function memoryLimiter(state: MemoryState): Limiter {
  return {
    async reserveSlots({ limiter: name, sender, ratePerSecond, count }) {
      const limiter = limiterOf(state, name);
      const now = state.now();
      limiter.senders.set(sender, { ratePerSecond, seenAt: now });
      const rates: number[] = [];
      for (const [other, seen] of limiter.senders) {
        if (now - seen.seenAt > SENDER_SEEN_MS) limiter.senders.delete(other);
        else if (seen.ratePerSecond !== undefined) rates.push(seen.ratePerSecond);
      }
      const lowest = rates.length === 0 ? undefined : Math.min(...rates);
      const intervalMs = lowest === undefined ? 0 : 1_000 / lowest;
      const start = Math.max(limiter.tat, now, limiter.pausedUntil);
      limiter.tat = start + count * intervalMs;
      return { startInMs: start - now, intervalMs, ratePerSecond: lowest };
    },
    async pauseLimiter(name, ms) {
      const limiter = limiterOf(state, name);
      limiter.pausedUntil = Math.max(limiter.pausedUntil, state.now() + ms);
      limiter.tat = Math.max(limiter.tat, limiter.pausedUntil);
    },
  };
}
