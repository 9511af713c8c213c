/** `import --dry-run`: reads and checks everything, shows the plan, writes the report, and sends no row. */
import { TraceloadError } from "../core/errors.ts";
import type { OpenedSources } from "../core/source.ts";
import type { NewRow, Store } from "../core/store.ts";
import type { ReportRow } from "../report/columns.ts";
import { nextCommands, shellCommand } from "../report/next-commands.ts";
import { buildPlan, isMissed, type SummaryPlan } from "../report/plan.ts";
import { buildSummary, type RunSummary } from "../report/summary.ts";
import type { ReportTally } from "../report/tally.ts";
import { writeReport } from "../report/writer.ts";
import { checkTarget, dryRun, keepRows, noteRows, ratePerSecond, targetOrigin } from "../wire.ts";
import { nothingToRead } from "../wire/conduct.ts";
import { isInSample, openRemoteCheck, type RemoteCheck } from "../wire/remote-check.ts";
import { openStoreIfThere } from "../wire/stores.ts";
import { withTarget } from "./conduct.ts";
import { globalArguments, hasPassword, importFlags } from "../wire/command-flags.ts";
import { printSummary } from "./run-summary.ts";
import type { Session } from "./session.ts";
import { planWarnings } from "./show/plan-text.ts";

/** Throws `wrong_usage`. */
export function refuseRemote({ loaded: { settings }, flags }: Session): void {
  if (settings.dryRun || flags.remote === undefined) return;
  throw new TraceloadError(
    "wrong_usage",
    "--remote asks the API in a dry run only: an import sends the rows",
    {
      next: "add --dry-run, or leave --remote out",
    },
  );
}

/** Resolves with the exit code. Without `--remote` nothing is asked of the API, and no key is needed. */
export async function planImport(session: Session, sources: OpenedSources): Promise<number> {
  const { loaded, onFault, signal } = session;
  const { settings } = loaded;
  if (settings.remote === undefined) {
    const connection = await openStoreIfThere(settings, onFault);
    try {
      return await plan(session, { sources, store: connection?.store, check: undefined, warnings: [] });
    } finally {
      await connection?.close();
    }
  }
  return withTarget(session, async (target) => {
    // A wrong key should be known before a large file is read.
    const warnings = await checkTarget(target, settings.datasetGroup, signal);
    const connection = await openStoreIfThere(settings, onFault);
    try {
      const { datasetGroup: knownGroupId } = settings;
      const check = openRemoteCheck({ target, store: connection?.store, knownGroupId });
      return await plan(session, { sources, store: connection?.store, check, warnings });
    } finally {
      await connection?.close();
    }
  });
}

interface PlanParts {
  sources: OpenedSources;
  store: Store | undefined;
  check: RemoteCheck | undefined;
  warnings: readonly string[];
}

async function plan(session: Session, { sources, store, check, warnings }: PlanParts): Promise<number> {
  const { loaded, signal } = session;
  const { settings } = loaded;
  const startedAt = Date.now();
  const runId = settings.runId ?? `dry-run-${startedAt.toString(36)}`;
  // What an import refuses before it sends anything is refused here, too.
  await sources.plan(signal);
  const kept = keepRows();
  const notes = noteRows();
  try {
    const origin = targetOrigin(settings);
    const dry = await dryRun({ sources, origin, store, force: settings.force, notes, kept }, signal);
    const rows = check === undefined ? dry.rows() : asked(session, check, dry);
    const report = await writeReport({
      directory: settings.reportDir,
      runId,
      rows: plannedRows(rows, sources.names),
      summarize: (tally) => {
        const plans = sources.seen();
        return summarize(session, {
          runId,
          startedAt,
          tally,
          warnings: [...warnings, ...planWarnings(plans)],
          plan: buildPlan({
            plans,
            rows: dry.sources,
            ratePerSecond: ratePerSecond(loaded),
            remote: check?.findings(),
          }),
        });
      },
    });
    if (report.summary.counts.read === 0 && !settings.allowEmpty) throw nothingToRead(sources.names);
    printSummary(session, report.summary);
    return report.summary.exitCode;
  } finally {
    notes.close();
    await kept.close();
  }
}

/** The rows, those of the sample asked about. */
async function* asked(
  { loaded, signal }: Session,
  check: RemoteCheck,
  dry: Awaited<ReturnType<typeof dryRun>>,
): AsyncGenerator<NewRow[], void, undefined> {
  const planned = dry.sources.reduce((sum, source) => sum + source.planned, 0);
  const most = loaded.settings.remote?.rows ?? planned;
  let place = 0;
  for await (const batch of dry.rows()) {
    const chosen = batch.filter(({ status }) => status === "queued" && isInSample(place++, planned, most));
    await check.ask(chosen, signal);
    yield batch;
  }
}

interface Planned {
  runId: string;
  startedAt: number;
  tally: ReportTally;
  warnings: string[];
  plan: SummaryPlan;
}

function summarize(session: Session, { runId, startedAt, tally, warnings, plan }: Planned): RunSummary {
  const { loaded } = session;
  const { settings } = loaded;
  const state = "finished" as const;
  const reportDir = `${settings.reportDir}/${runId}`;
  const next = nextCommands({
    runId,
    state,
    counts: tally.counts,
    halt: undefined,
    reportDir,
    importArguments: importArguments(session),
    globalArguments: globalArguments(session),
    importFlags: importFlags(session),
    program: session.program,
  });
  return buildSummary({
    run: {
      runId,
      state,
      sourceComplete: true,
      halt: undefined,
      warnings,
      createdAt: startedAt,
      finishedAt: Date.now(),
      counts: undefined,
    },
    tally,
    rate: { limitPerSecond: ratePerSecond(loaded), achievedPerSecond: undefined },
    reportDir,
    next: nextOf(session, plan, next),
    dryRun: true,
    nowMs: Date.now(),
    allowEmpty: settings.allowEmpty,
    plan,
  });
}

/** Where a sample was not all there, the same about all rows; where nothing was, a look at what is wrong. */
function nextOf(session: Session, { remote, requests }: SummaryPlan, next: readonly string[]): string[] {
  if (remote === null || !isMissed(remote)) return [...next];
  const typed = (parts: readonly string[]) => shellCommand(parts).replace(/^traceload/, session.program);
  const all = typed(["import", ...importArguments(session), "--dry-run", "--remote", "all"]);
  const isPart = remote.rows < requests;
  const doctor = typed(["doctor", ...globalArguments(session)]);
  return [...(isPart ? [all] : []), ...(remote.found === 0 ? [doctor] : next)];
}

async function* plannedRows(
  batches: AsyncIterable<NewRow[]>,
  names: readonly string[],
): AsyncGenerator<ReportRow[], void, undefined> {
  for await (const batch of batches) {
    yield batch.map(
      ({ row, source, line, datasetGroupId, traceId, spanId, status, errorCode, error, draftDatasetId }) => ({
        row,
        file: names[source] ?? "",
        line,
        datasetGroupId,
        traceId,
        spanId,
        status: status === "queued" ? "planned" : status,
        draftDatasetId,
        mode: undefined,
        attempts: 0,
        httpStatus: undefined,
        errorCode,
        error,
        durationMs: undefined,
        finishedAt: undefined,
      }),
    );
  }
}

/** What was typed after `import`, without the flags of a dry run and without a password. */
export function importArguments({ arguments: [, ...rest] }: Session): string[] {
  const isRemoteValue = (index: number) =>
    rest[index - 1] === "--remote" && /^(?:all|sample|\d+)$/.test(rest[index] ?? "");
  return rest.filter(
    (argument, index) =>
      argument !== "--dry-run" &&
      !/^--remote(?:=|$)/.test(argument) &&
      !isRemoteValue(index) &&
      !hasPassword(argument.replace(/^--store=/, "")),
  );
}
