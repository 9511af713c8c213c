/** Runs in the in-memory store: made, found, changed, removed. */
import { TraceloadError } from "../../src/core/errors.ts";
import { RUNNING_STATES, zeroCounts } from "../../src/core/status.ts";
import type { Run, RunChange, Runs, Verdict } from "../../src/core/store.ts";
import { leaseHeld, type MemoryRun, type MemoryState } from "./memory-state.ts";

export function memoryRuns(state: MemoryState): Runs {
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
          parent: run.parent,
          seq: state.lastRunSeq,
          state: "reading",
          sourceComplete: false,
          halt: undefined,
          haltedGroups: [],
          warnings: [],
          verdicts: [],
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
      if (change.halt !== undefined) record.halt = change.halt === null ? undefined : { ...change.halt };
      haltGroup(record, change.haltedGroup);
      if (change.warning !== undefined && !record.warnings.includes(change.warning)) {
        record.warnings.push(change.warning);
      }
      if (change.verdict !== undefined) putVerdict(record, change.verdict);
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

function haltGroup(record: MemoryRun["record"], halted: RunChange["haltedGroup"]): void {
  if (halted === undefined) return;
  if (halted === null) {
    record.haltedGroups = [];
    return;
  }
  const isHalted = record.haltedGroups.some(({ datasetGroupId }) => datasetGroupId === halted.datasetGroupId);
  if (!isHalted) record.haltedGroups.push({ ...halted });
}

function putVerdict(record: MemoryRun["record"], verdict: Verdict): void {
  const others = record.verdicts.filter(({ datasetGroupId }) => datasetGroupId !== verdict.datasetGroupId);
  record.verdicts = [...others, { ...verdict }].toSorted((a, b) => a.datasetGroupId - b.datasetGroupId);
}
