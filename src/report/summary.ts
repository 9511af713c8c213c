/** The summary of a run: `summary.json`, and what `--json` prints. */
import { ROW_STATUSES, type ResultCounts, type RowStatus, type RunState } from "../core/status.ts";
import type { Run } from "../core/store.ts";
import { isoTime } from "./columns.ts";
import { draftsOf, type SummaryDraft, unpublishedText } from "./draft-verdicts.ts";
import { EXIT_CODES, exitCodeOf } from "./exit-code.ts";
import { isMissed, type SummaryPlan } from "./plan.ts";
import type { ErrorGroup, ReportTally } from "./tally.ts";
import { counted } from "../core/counted.ts";

export interface SummaryCounts extends ResultCounts {
  /** Only in the summary of a dry run. */
  planned?: number;
}

export interface RunSummary {
  runId: string;
  /** The run whose rows this one tried again; `null`: it read its own. */
  parent: string | null;
  state: RunState;
  exitCode: number;
  counts: SummaryCounts;
  /** Whether every row of every source was read. */
  sourceComplete: boolean;
  drafts: SummaryDraft[];
  errors: ErrorGroup[];
  warnings: string[];
  rate: {
    /** `null`: no limit. */
    limitPerSecond: number | null;
    /** `null`: nothing was sent, or it was not seen by whoever wrote this. */
    achievedPerSecond: number | null;
  };
  /** ISO 8601, UTC. */
  startedAt: string;
  /** `null` while the run is not over. */
  finishedAt: string | null;
  durationMs: number;
  /** This run's own directory; `null` when no report was written. */
  reportDir: string | null;
  /** Commands a person would type now. */
  next: string[];
  /** Only in the summary of a dry run. */
  plan?: SummaryPlan;
}

/** What of a run its summary needs; a dry run has no more than this. */
export type SummarizedRun = Pick<
  Run,
  "runId" | "state" | "sourceComplete" | "halt" | "warnings" | "createdAt" | "finishedAt"
> & {
  parent?: string | undefined;
  verdicts?: Run["verdicts"];
  /** What the store counts, compared with the rows of the report; undefined in a dry run. */
  counts: Run["counts"] | undefined;
};

export interface SummaryInput {
  run: SummarizedRun;
  /** Over all rows of the run: the counts of the summary are those of the report beside it. */
  tally: ReportTally;
  rate: { limitPerSecond: number | undefined; achievedPerSecond: number | undefined };
  reportDir: string | undefined;
  next: readonly string[];
  dryRun: boolean;
  /** For the duration of a run that is not over. */
  nowMs: number;
  signal?: "SIGINT" | "SIGTERM" | undefined;
  allowEmpty?: boolean | undefined;
  /** Of a dry run. */
  plan?: SummaryPlan | undefined;
}

export function buildSummary(input: SummaryInput): RunSummary {
  const { run, tally } = input;
  const { planned, ...counts } = tally.counts;
  const endMs = run.finishedAt ?? input.nowMs;
  const drafts = draftsOf(tally, run.verdicts ?? []);
  return {
    runId: run.runId,
    parent: run.parent ?? null,
    state: run.state,
    exitCode:
      dryRunCode(input) ??
      exitCodeOf({
        state: run.state,
        counts: tally.counts,
        halt: run.halt,
        signal: input.signal,
        allowEmpty: input.allowEmpty,
      }),
    counts: { read: tally.rows, ...counts, ...(input.dryRun ? { planned } : {}) },
    sourceComplete: run.sourceComplete,
    drafts,
    errors: errorsOf(run, tally),
    warnings: [...warningsOf(run, tally), ...drafts.flatMap((draft) => unpublishedText(draft) ?? [])],
    rate: {
      limitPerSecond: input.rate.limitPerSecond ?? null,
      achievedPerSecond: input.rate.achievedPerSecond ?? null,
    },
    startedAt: new Date(run.createdAt).toISOString(),
    finishedAt: isoTime(run.finishedAt),
    durationMs: Math.max(0, endMs - run.createdAt),
    reportDir: input.reportDir ?? null,
    next: [...input.next],
    ...(input.plan === undefined ? {} : { plan: input.plan }),
  };
}

/** Rows that the API does not know would be rejected. */
function dryRunCode({ plan }: SummaryInput): number | undefined {
  return plan !== undefined && isMissed(plan.remote) ? EXIT_CODES.rowsNotAdded : undefined;
}

/**
 * Where the store's counts and the report's rows differ, in words; undefined when they agree. Of a run at rest they
 * must: every row read has exactly one result.
 */
export function countsMismatch(counts: Run["counts"], rows: Record<RowStatus, number>): string | undefined {
  const { queued, ...settled } = counts;
  const stored = { ...settled, unprocessed: settled.unprocessed + queued, planned: 0 };
  const differing = ROW_STATUSES.filter((status) => stored[status] !== rows[status]).map(
    (status) => `${status}: ${stored[status]} in the store, ${rows[status]} in the report`,
  );
  return differing.length === 0 ? undefined : `counts differ (${differing.join("; ")})`;
}

/** What stopped the run comes first, counted by the rows that were not sent for it. */
function errorsOf(run: SummarizedRun, tally: ReportTally): ErrorGroup[] {
  if (run.halt === undefined) return tally.errors;
  return [
    { code: run.halt.code, count: tally.counts.unprocessed, example: run.halt.message },
    ...tally.errors,
  ];
}

function warningsOf(run: SummarizedRun, tally: ReportTally): string[] {
  const warnings = [...run.warnings];
  for (const { code, count, example } of tally.rowWarnings) {
    warnings.push(`${code}: ${counted(count, "added row")}, such as ${example}`);
  }
  if (isRunning(run.state)) {
    warnings.push(`the run is still ${run.state}: rows without a result stand as unprocessed`);
  } else if (run.counts !== undefined) {
    const mismatch = countsMismatch(run.counts, tally.counts);
    if (mismatch !== undefined) warnings.push(mismatch);
  }
  return warnings;
}

function isRunning(state: RunState): boolean {
  return state === "reading" || state === "draining" || state === "verifying";
}
