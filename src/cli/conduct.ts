/** Conducting a run for a person: progress and notes while it goes on, its report and summary at the end. */
import { TraceloadError } from "../core/errors.ts";
import { rowsAnswered } from "../core/status.ts";
import type { Run } from "../core/store.ts";
import type { RunSummary } from "../report/summary.ts";
import { checkReportDirectory } from "../report/writer.ts";
import {
  checkTarget,
  openTarget,
  openWorkplace,
  type Progress,
  type RunEnd,
  systemClock,
  type Target,
} from "../wire.ts";
import type { Conducting } from "../wire/conduct.ts";
import { RunProgress } from "./run-progress.ts";
import { printSummary, writeRunReport } from "./run-summary.ts";
import type { Session } from "./session.ts";
import { visible } from "./show/escape.ts";
import { openProgressView, type ProgressView } from "./show/progress-view.ts";
import { isStoreFault } from "./show/error-text.ts";
import { StoreTrouble } from "./store-trouble.ts";

export interface Conduct {
  /** What was found before the store was opened. */
  warnings: readonly string[];
  /** How much of the sources was read, 0 to 1; undefined: nothing is read. */
  readShare?: () => number | undefined;
  /** Conducts the run to its end. Its notes are lines on standard error, beside the progress. */
  start: (conducting: Conducting) => Promise<RunEnd>;
  /** The import to type again, if there is one. */
  importArguments?: readonly string[];
  /** What makes the command fail though its report is written. */
  faultOf?: (end: RunEnd) => TraceloadError | undefined;
  /** Stands in for the exit code that the run's own end means, unless a signal ended it. */
  exitCodeOf?: (summary: RunSummary) => number;
}

/** Resolves with what `act` does; the target is open meanwhile. */
export async function withTarget(
  session: Session,
  act: (target: Target) => Promise<number>,
): Promise<number> {
  const target = await openTarget(session.loaded, session.environment);
  try {
    return await act(target);
  } finally {
    await target.close();
  }
}

/** As `conduct`, for what needs the target alone. */
export function conductAtTarget(session: Session, work: Omit<Conduct, "warnings">): Promise<number> {
  return withTarget(session, async (target) => {
    const warnings = await checkTarget(target, undefined, session.signal);
    return conduct(session, target, { ...work, warnings });
  });
}

/** Rows of an embedded store cannot be left to workers. Throws `wrong_usage`. */
export function refuseToDetach({ loaded: { settings } }: Session): void {
  if (!settings.detach || !settings.store.startsWith("pglite:")) return;
  throw new TraceloadError(
    "wrong_usage",
    "--detach needs a store that workers can reach; the embedded one belongs to this process",
    { next: "add --store redis://host:6379 or --store postgres://host/database, or leave --detach out" },
  );
}

/** Opens the store, and resolves with the exit code when the report is written. Throws `report_unwritable` before. */
export async function conduct(session: Session, target: Target, work: Conduct): Promise<number> {
  const { loaded, err, signal } = session;
  const { settings } = loaded;
  let view: ProgressView | undefined;
  const note = (text: string) => {
    if (!settings.quiet) view?.note(visible(text));
  };
  const monotonicMs = () => systemClock.monotonicMs();
  const trouble = new StoreTrouble({ note, monotonicMs });
  const onFault = (error: unknown) => {
    session.onFault(error);
    // What goes wrong before is the opening's own fault.
    if (view !== undefined) trouble.fault(error);
  };
  const progress = new RunProgress({
    concurrency: settings.concurrency,
    monotonicMs,
    readShare: () => work.readShare?.(),
    isStoreInTrouble: () => trouble.isTold,
  });
  const onProgress = (seen: Progress) => {
    progress.update(seen);
    trouble.look(rowsAnswered(seen.run.counts));
  };
  // Found out after 80,000 rows, it would be too late.
  await checkReportDirectory(settings.reportDir);
  const workplace = await openWorkplace(settings, target, onFault);
  try {
    // Opening a store takes seconds the first time; who stopped it meanwhile wants no run.
    signal.throwIfAborted();
    const { facts } = workplace.store;
    view = openProgressView({
      mode: settings.quiet ? "none" : settings.progress,
      stream: err.stream,
      clock: systemClock,
      color: err.color,
      read: () => progress.state(),
    });
    note(`store: ${facts.name}; sending to ${target.sandbox === undefined ? target.baseUrl : "the sandbox"}`);
    for (const warning of [...facts.warnings, ...work.warnings]) note(`warning: ${warning}`);
    const onStop = () => {
      progress.stopping();
      note("stopping: rows in flight are awaited (again: leave at once)");
    };
    signal.addEventListener("abort", onStop, { once: true });
    let end: { run: Run; fault: TraceloadError | undefined };
    try {
      const { warnings } = work;
      end = await work.start({ loaded, target, workplace, warnings, note, onProgress });
    } catch (error) {
      throw isStoreFault(error) && session.received() !== undefined
        ? leftUnwritten(session, error, progress.state()?.runId)
        : error;
    } finally {
      signal.removeEventListener("abort", onStop);
      view.close();
    }
    const summary = await writeRunReport(session, {
      store: workplace.store,
      run: end.run,
      directory: settings.reportDir,
      achievedPerSecond: progress.overallPerSecond(),
      importArguments: work.importArguments,
    });
    const fault = work.faultOf?.(end);
    if (fault !== undefined) throw fault;
    const { exitCodeOf } = work;
    const isOwn = exitCodeOf === undefined || session.received() !== undefined;
    const exitCode = isOwn ? summary.exitCode : exitCodeOf(summary);
    printSummary(session, { ...summary, exitCode });
    return exitCode;
  } finally {
    await workplace.close();
  }
}

/** A run that was told to stop, and whose store takes nothing: it will be known as interrupted, and there is no report. */
function leftUnwritten(session: Session, fault: TraceloadError, runId: string | undefined): TraceloadError {
  const run = runId === undefined ? "the run" : `run ${runId}`;
  return new TraceloadError(
    fault.code,
    `${run} was stopped by ${session.received()}, but the store does not take that, and so there is no report: ${fault.message}`,
    {
      next: "mend the store, then type the same command again: it carries the run on, and sends nothing twice",
      cause: fault,
    },
  );
}
