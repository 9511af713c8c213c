/** What the pieces on screen are shown with in the tests. */
import type { ProgressState } from "../../src/cli/show/progress.ts";
import { zeroCounts } from "../../src/core/status.ts";
import type { StatusCounts } from "../../src/core/status.ts";
import type { Run } from "../../src/core/store.ts";
import type { SummaryDraft } from "../../src/report/draft-verdicts.ts";
import type { RunSummary, SummaryCounts } from "../../src/report/summary.ts";

export const someCounts: StatusCounts = {
  ...zeroCounts(),
  queued: 898,
  added: 1_080,
  duplicate: 12,
  invalid: 3,
  rejected: 5,
  unknown: 2,
};

export function progressState(change: Partial<ProgressState> = {}): ProgressState {
  return {
    runId: "r1",
    phase: "draining",
    counts: someCounts,
    expected: { rows: 2_000, exact: true },
    inFlight: 8,
    limitPerSecond: 20,
    achievedPerSecond: 19.83,
    elapsedMs: 56_400,
    limitedBy: { kind: "rate" },
    pace: undefined,
    ...change,
  };
}

export function counts(change: Partial<SummaryCounts> = {}): SummaryCounts {
  const zeros = { added: 0, duplicate: 0, invalid: 0, rejected: 0, failed: 0, unknown: 0, unprocessed: 0 };
  const all = { ...zeros, ...change };
  return { read: Object.values(all).reduce((sum, rows) => sum + rows, 0), ...all };
}

export function draft(change: Partial<SummaryDraft> = {}): SummaryDraft {
  return {
    datasetGroupId: 42,
    draftDatasetId: 501,
    rows: 1_000,
    verdict: "verified",
    reason: null,
    figures: {
      baseline: 12,
      added: 1_000,
      unknown: 0,
      total: 1_012,
      landed: 0,
      absent: 0,
      at: "2026-07-21T10:00:50.000Z",
    },
    publication: null,
    ...change,
  };
}

export function summary(change: Partial<RunSummary> = {}): RunSummary {
  return {
    runId: "r1",
    parent: null,
    state: "finished",
    exitCode: 0,
    counts: counts({ added: 1_000 }),
    sourceComplete: true,
    drafts: [draft()],
    errors: [],
    warnings: [],
    rate: { limitPerSecond: 20, achievedPerSecond: 19.83 },
    startedAt: "2026-07-21T10:00:00.000Z",
    finishedAt: "2026-07-21T10:00:50.400Z",
    durationMs: 50_400,
    reportDir: "traceload-reports/r1",
    next: [],
    ...change,
  };
}

export function run(change: Partial<Run> = {}): Run {
  return {
    runId: "r1",
    fingerprint: "f",
    origin: "sandbox",
    sources: ["rows.csv"],
    options: {},
    seq: 1,
    state: "draining",
    owner: undefined,
    ownerAlive: false,
    sourceComplete: true,
    halt: undefined,
    warnings: [],
    parent: undefined,
    haltedGroups: [],
    verdicts: [],
    counts: someCounts,
    createdAt: Date.UTC(2026, 6, 20, 21),
    finishedAt: undefined,
    ...change,
  };
}
