/** Rows and their results in the in-memory store. */
import { TraceloadError } from "../../src/core/errors.ts";
import { RUNNING_STATES } from "../../src/core/status.ts";
import type { NewRow, Rows, StoredRow } from "../../src/core/store.ts";
import {
  setResult,
  type MemoryEntry,
  type MemoryRun,
  type MemoryState,
  type Result,
} from "./memory-state.ts";

export function memoryRows(state: MemoryState): Rows {
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
    async requeue(runId, { fromRow, toRow }) {
      const run = state.runs.get(runId);
      if (run === undefined || !RUNNING_STATES.includes(run.record.state)) return 0;
      const left = [...run.rows.values()].filter(
        ({ row, status }) => row >= fromRow && row <= toRow && status === "unprocessed",
      );
      for (const { row } of left) setResult(state, run, row, { status: "queued" });
      return left.length;
    },
    async reconcile(runId, rows) {
      const run = state.runs.get(runId);
      if (run === undefined) return 0;
      let changed = 0;
      for (const { row, key } of rows) {
        if (run.rows.get(row)?.status !== "unknown") continue;
        const result = resultByEntry(run, row, state.entries.get(key));
        if (result === undefined) continue;
        setResult(state, run, row, result);
        changed += 1;
      }
      return changed;
    },
  };
}

/** What an unknown row is according to its entry; undefined while that says nothing new. */
function resultByEntry(run: MemoryRun, row: number, entry: MemoryEntry | undefined): Result | undefined {
  const { seq, state } = run.record;
  if (entry === undefined) {
    const goesOn = RUNNING_STATES.includes(state) || state === "verifying";
    return { status: goesOn ? "queued" : "unprocessed" };
  }
  if (entry.state !== "added") return undefined;
  const own = entry.runSeq === seq && entry.row === row;
  return { status: own ? "added" : "duplicate", draftDatasetId: entry.draftDatasetId };
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
