/** `traceload import`: the main job. */
import { stdin } from "node:process";
import type { Run } from "../../core/store.ts";
import type { ReportRow } from "../../report/columns.ts";
import { nextCommands } from "../../report/next-commands.ts";
import { buildSummary } from "../../report/summary.ts";
import { writeReport } from "../../report/writer.ts";
import {
  checkTarget,
  dryRun,
  newRun,
  openSources,
  openStoreIfThere,
  openTarget,
  openWorkplace,
  sourceOptions,
  systemClock,
  type Target,
} from "../../wire.ts";
import type { OpenedSources } from "../../core/source.ts";
import { TraceloadError } from "../../core/errors.ts";
import type { Command } from "../command.ts";
import { RunProgress } from "../run-progress.ts";
import {
  globalArguments,
  hasPassword,
  importFlags,
  nothingToRead,
  printSummary,
  writeRunReport,
} from "../run-summary.ts";
import type { Session } from "../session.ts";
import { openProgressView } from "../show/progress-view.ts";
import { visible } from "../show/escape.ts";

export const importCommand: Command = {
  usage: "import <files..>",
  describe: "add the traces listed in files to datasets, and report on every row",
  positional: {
    name: "files",
    describe: "CSV, NDJSON or JSON, plain or compressed; globs; - for standard input",
    many: true,
  },
  settings: [
    "datasetGroup",
    "format",
    "traceColumn",
    "spanColumn",
    "groupColumn",
    "unit",
    "skip",
    "limit",
    "allowEmpty",
    "dryRun",
    "rate",
    "concurrency",
    "timeout",
    "horizon",
    "maxAttempts",
    "maxErrors",
    "grace",
    "onUnknown",
    "onDraftChange",
    "runId",
    "detach",
    "sandbox",
    "reportDir",
    "sendWindow",
    "leaseTtl",
    "lockTime",
    "stalledCheck",
    "sweepInterval",
    "retryBase",
    "retryCap",
    "retention",
    "highWater",
    "sandboxRecord",
  ],
  examples: [
    ["import traces.csv -g 42", "every line of a CSV into dataset group 42"],
    ["import traces.csv -g 42 --dry-run", "read and check only"],
    ["import examples/traces.csv -g 42 --sandbox", "without a key or a network"],
  ],
  run: async (session, argv) => {
    const { settings } = session.loaded;
    const files = argv["files"] as string[];
    if (settings.detach && settings.store.startsWith("pglite:")) {
      throw new TraceloadError(
        "wrong_usage",
        "--detach needs a store that workers can reach; the embedded one belongs to this process",
        {
          next: "add --store redis://host:6379, or leave --detach out",
        },
      );
    }
    const target = await openTarget(session.loaded, session.environment);
    try {
      const sources = await openSources(files, sourceOptions(settings), { stdin });
      return settings.dryRun
        ? await planImport(session, target, sources)
        : await sendImport(session, target, sources);
    } finally {
      await target.close();
    }
  },
};

async function sendImport(session: Session, target: Target, sources: OpenedSources): Promise<number> {
  const { loaded, onFault, err, signal } = session;
  const { settings } = loaded;
  const warnings = await checkTarget(target, settings.datasetGroup, signal);
  const progress = new RunProgress({
    concurrency: settings.concurrency,
    monotonicMs: () => systemClock.monotonicMs(),
    readShare: () => sources.readShare(),
  });
  const workplace = await openWorkplace(settings, target, onFault);
  try {
    // Opening a store takes seconds the first time; who stopped it meanwhile wants no run.
    signal.throwIfAborted();
    const { facts } = workplace.store;
    const view = openProgressView({
      mode: settings.quiet ? "none" : settings.progress,
      stream: err.stream,
      clock: systemClock,
      color: err.color,
      read: () => progress.state(),
    });
    const note = (text: string) => {
      if (!settings.quiet) view.note(visible(text));
    };
    note(`store: ${facts.name}; sending to ${target.sandbox === undefined ? target.baseUrl : "the sandbox"}`);
    for (const warning of [...facts.warnings, ...warnings]) note(`warning: ${warning}`);
    const onStop = () => {
      progress.stopping();
      note("stopping: rows in flight are awaited (again: leave at once)");
    };
    signal.addEventListener("abort", onStop, { once: true });
    let run: Run;
    let fault: TraceloadError | undefined;
    try {
      const wanted = newRun(settings, target, sources);
      for (const { runId } of await workplace.interruptOrphans(wanted.fingerprint, signal)) {
        note(`run ${runId} was interrupted; what it added is known, and is not sent again`);
      }
      await workplace.removeOldRuns();
      ({ run, fault } = await workplace.importRun(
        {
          run: wanted,
          sources,
          detach: settings.detach,
          highWaterRows: settings.highWater,
          maxErrors: settings.maxErrors,
          warnings,
        },
        signal,
        (seen) => progress.update(seen),
      ));
    } finally {
      signal.removeEventListener("abort", onStop);
      view.close();
    }
    const { summary } = await writeRunReport(session, {
      store: workplace.store,
      run,
      directory: settings.reportDir,
      rate: {
        limitPerSecond: target.ratePerSecond ?? null,
        achievedPerSecond: progress.overallPerSecond() ?? null,
      },
      importArguments: importArguments(session),
    });
    if (fault !== undefined && summary.counts.read === 0) throw fault;
    if (summary.counts.read === 0 && !settings.allowEmpty && run.state === "finished")
      throw nothingToRead(sources.names);
    printSummary(session, summary);
    return summary.exitCode;
  } finally {
    await workplace.close();
  }
}

async function planImport(session: Session, target: Target, sources: OpenedSources): Promise<number> {
  const { loaded, onFault, signal } = session;
  const { settings } = loaded;
  const startedAt = Date.now();
  const runId = settings.runId ?? `dry-run-${startedAt.toString(36)}`;
  const connection = await openStoreIfThere(settings, onFault);
  try {
    const rows = plannedRows(dryRun(sources, target.origin, connection?.store, signal), sources.names);
    const report = await writeReport({
      directory: settings.reportDir,
      runId,
      rows,
      summarize: (tally) => {
        const run = {
          runId,
          state: "finished" as const,
          sourceComplete: true,
          halt: undefined,
          warnings: [],
          createdAt: startedAt,
          finishedAt: Date.now(),
          counts: undefined,
        };
        const reportDir = `${settings.reportDir}/${runId}`;
        return buildSummary({
          run,
          tally,
          rate: { limitPerSecond: target.ratePerSecond, achievedPerSecond: undefined },
          reportDir,
          next: nextCommands({
            runId,
            state: run.state,
            counts: tally.counts,
            halt: undefined,
            reportDir,
            importArguments: importArguments(session),
            globalArguments: globalArguments(session),
            importFlags: importFlags(session),
            program: session.program,
          }),
          dryRun: true,
          nowMs: Date.now(),
          allowEmpty: settings.allowEmpty,
        });
      },
    });
    if (report.summary.counts.read === 0 && !settings.allowEmpty) throw nothingToRead(sources.names);
    printSummary(session, report.summary);
    return report.summary.exitCode;
  } finally {
    await connection?.close();
  }
}

async function* plannedRows(
  batches: ReturnType<typeof dryRun>,
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

/** What was typed after `import`, without `--dry-run` and without a password. */
function importArguments(session: Session): string[] {
  const [, ...rest] = session.arguments;
  return rest.filter(
    (argument) => argument !== "--dry-run" && !hasPassword(argument.replace(/^--store=/, "")),
  );
}
