/** A run's last word: its summary over all of its rows, and its report where one is wanted. */
import path from "node:path";
import { leavesRowsToPeople } from "../app/verify/words.ts";
import type { Run, Store } from "../core/store.ts";
import { storedReportRows } from "../report/columns.ts";
import { nextCommands, type NextInput } from "../report/next-commands.ts";
import { buildSummary, type RunSummary, type SummaryInput } from "../report/summary.ts";
import { type ReportTally, tallyRows } from "../report/tally.ts";
import { runReportDirectory, writeReport } from "../report/writer.ts";

export interface RunReportRequest {
  store: Pick<Store, "readRows">;
  run: Run;
  /** Where reports go; undefined: none is written. */
  directory: string | undefined;
  /** Undefined: this process did not see the run. */
  achievedPerSecond: number | undefined;
  /** How the commands to type next are called here. */
  commands: Pick<
    NextInput,
    "importArguments" | "globalArguments" | "runFlags" | "addressFlags" | "importFlags" | "program"
  >;
  signal: SummaryInput["signal"];
  allowEmpty: boolean;
}

/** Throws `report_unwritable`. */
export async function reportRun(request: RunReportRequest): Promise<RunSummary> {
  const { store, run, directory } = request;
  const { runId } = run;
  if (directory === undefined) {
    return summaryOf(request, await tallyRows(storedReportRows(store, run)), undefined);
  }
  const reportDir = path.relative("", runReportDirectory(directory, runId)) || ".";
  const rows = storedReportRows(store, run);
  const summarize = (tally: ReportTally) => summaryOf(request, tally, reportDir);
  return (await writeReport({ directory, runId, rows, summarize })).summary;
}

function summaryOf(
  { run, achievedPerSecond, commands, signal, allowEmpty }: RunReportRequest,
  tally: ReportTally,
  reportDir: string | undefined,
): RunSummary {
  const { runId, state, halt } = run;
  const next = nextCommands({
    runId,
    state,
    counts: tally.counts,
    halt,
    unpublished: isUnpublished(run),
    undecided: run.verdicts.some(leavesRowsToPeople),
    reportDir,
    ...commands,
  });
  return buildSummary({
    run,
    tally,
    rate: { limitPerSecond: limitOf(run), achievedPerSecond },
    reportDir,
    next,
    dryRun: false,
    nowMs: Date.now(),
    signal,
    allowEmpty,
  });
}

/** Runs of other versions are reported, too: their options are not parsed. */
function limitOf({ options }: Run): number | undefined {
  const { ratePerSecond } = options;
  return typeof ratePerSecond === "number" ? ratePerSecond : undefined;
}

function isUnpublished({ verdicts }: Run): boolean {
  return verdicts.some(({ publication }) => publication !== undefined && publication.state !== "published");
}
