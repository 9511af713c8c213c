/** The ledger's part of the in-memory store: claim, settle and sweep, each rule written as plainly as possible. */
import { RUNNING_STATES } from "../../src/core/status.ts";
import type { ClaimAnswer, ClaimRequest, Ledger, LedgerEntry, SettleRequest } from "../../src/core/store.ts";
import { memoryDecisions } from "./memory-decisions.ts";
import {
  deleteEntry,
  entriesOf,
  groupOf,
  hasFinalResult,
  holdRow,
  isAbandoned,
  isLocked,
  limiterOf,
  loseEntry,
  readGroup,
  setResult,
  writeEntry,
  type MemoryEntry,
  type MemoryRun,
  type MemoryState,
} from "./memory-state.ts";

const DRAFT_RETRY_MS = 200;
const SENDING_RETRY_MS = 1_000;

export function memoryLedger(state: MemoryState): Ledger {
  return {
    async lookup(keys) {
      return keys.flatMap((key) => {
        const entry = state.entries.get(key);
        return entry === undefined ? [] : [publicEntry(entry)];
      });
    },
    async claim(request) {
      return claim(state, request);
    },
    async settle(request) {
      settle(state, request);
    },
    async sweep() {
      const lost = [...state.entries.values()].filter(
        (entry) => entry.state === "sending" && isAbandoned(state, entry),
      );
      for (const entry of lost) loseEntry(state, entry);
      return lost.length;
    },
    ...memoryDecisions(state),
  };
}

function claim(state: MemoryState, request: ClaimRequest): ClaimAnswer {
  const run = state.runs.get(request.runId);
  if (run === undefined || !RUNNING_STATES.includes(run.record.state)) return { kind: "stopped" };
  if (hasFinalResult(run, request.row)) return { kind: "done" };
  const entry = state.entries.get(request.key);
  // Granted before a pause, or before the gate was closed: it stays good, and who lost the answer must hear it again.
  if (entry?.state === "sending" && entry.token === request.token) return { kind: "claimed" };
  const now = state.now();
  const pausedMs = limiterOf(state, request.limiter).pausedUntil - now;
  if (pausedMs > 0) return { kind: "wait", reason: "paused", retryInMs: pausedMs };
  if (waitsForDraft(state, request)) return { kind: "wait", reason: "draft", retryInMs: DRAFT_RETRY_MS };

  if (entry === undefined) {
    writeEntry(state, {
      key: request.key,
      state: "sending",
      token: request.token,
      runSeq: run.record.seq,
      row: request.row,
      draftDatasetId: undefined,
      until: now + request.holdMs,
      group: request.group,
      owner: request.owner,
      claimedFor: readGroup(state, request.group).draftDatasetId,
    });
    return { kind: "claimed" };
  }
  switch (entry.state) {
    case "added": {
      const own = isOwn(entry, run, request.row);
      setResult(state, run, request.row, {
        status: own ? "added" : "duplicate",
        draftDatasetId: entry.draftDatasetId,
      });
      return { kind: "already-added", own };
    }
    case "unknown":
      holdCaller(state, run, request.row);
      return { kind: "unknown" };
    case "sending": {
      if (isOwn(entry, run, request.row) || isAbandoned(state, entry)) {
        loseEntry(state, entry);
        holdCaller(state, run, request.row);
        return { kind: "unknown" };
      }
      const restMs = Math.max(0, (entry.until ?? now) - now) + 1;
      return { kind: "wait", reason: "sending", retryInMs: Math.min(restMs, SENDING_RETRY_MS) };
    }
    default:
      return entry.state satisfies never;
  }
}

function waitsForDraft(state: MemoryState, request: ClaimRequest): boolean {
  const group = readGroup(state, request.group);
  if (isLocked(group, state)) return true;
  switch (group.phase) {
    case "new":
      return true;
    case "open":
      return false;
    case "solo":
      return (
        group.draftDatasetId === undefined &&
        entriesOf(state, request.group).some((entry) => entry.state === "sending")
      );
    default:
      return group.phase satisfies never;
  }
}

function holdCaller(state: MemoryState, run: MemoryRun, row: number): void {
  holdRow(state, {
    run,
    row,
    errorCode: "held",
    error: "an earlier request for this row ended without an answer",
  });
}

function settle(state: MemoryState, request: SettleRequest): void {
  const { settlement, facts } = request;
  const run = state.runs.get(request.runId);
  const entry = state.entries.get(request.key);
  const mine = entry?.token === request.token ? entry : undefined;
  const open = mine?.state === "added" ? undefined : mine;
  switch (settlement.kind) {
    case "added": {
      if (mine?.state === "added") return;
      const late = open === undefined;
      const { draftDatasetId, mode, warning } = settlement;
      writeEntry(state, {
        key: request.key,
        state: "added",
        token: request.token,
        runSeq: open?.runSeq ?? run?.record.seq ?? 0,
        row: request.row,
        draftDatasetId,
        until: undefined,
        group: request.group,
        owner: undefined,
        claimedFor: undefined,
      });
      const group = groupOf(state, request.group);
      group.draftDatasetId ??= draftDatasetId;
      if (group.draftDatasetId === draftDatasetId) group.added += 1;
      setResult(state, run, request.row, {
        ...facts,
        status: "added",
        draftDatasetId,
        mode,
        errorCode: late ? "landed_late" : warning?.code,
        error: late ? "the server's answer came after the row had been given up" : warning?.message,
      });
      return;
    }
    case "rejected":
    case "failed":
      if (open === undefined) return;
      deleteEntry(state, open);
      setResult(state, run, request.row, {
        ...facts,
        status: settlement.kind,
        errorCode: settlement.code,
        error: settlement.message,
      });
      return;
    case "released":
      if (open === undefined) return;
      deleteEntry(state, open);
      setResult(state, run, request.row, {
        status: isLeftBehind(run, request.row) ? "unprocessed" : "queued",
        attempts: facts.attempts,
      });
      return;
    case "unknown":
      if (open?.state !== "sending") return;
      writeEntry(state, { ...open, state: "unknown" });
      setResult(state, run, request.row, {
        ...facts,
        status: "unknown",
        errorCode: settlement.reason,
        error: settlement.message,
      });
      return;
    default:
      settlement satisfies never;
  }
}

/** A row that was given up in a run that stopped since: nobody would take it from the queue. */
function isLeftBehind(run: MemoryRun | undefined, row: number): boolean {
  if (run === undefined || RUNNING_STATES.includes(run.record.state)) return false;
  return run.rows.get(row)?.status === "unknown";
}

function isOwn(entry: MemoryEntry, run: MemoryRun, row: number): boolean {
  return entry.runSeq === run.record.seq && entry.row === row;
}

function publicEntry(entry: MemoryEntry): LedgerEntry {
  const { group: _group, owner: _owner, claimedFor: _claimedFor, ...shown } = entry;
  return shown;
}
