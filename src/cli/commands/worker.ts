/** `traceload worker`: serves the runs of a store until it is told to stop. */
import { PROCESS_SETTINGS } from "../../../config/setting-lists.ts";
import { TraceloadError } from "../../core/errors.ts";
import type { Run, Store } from "../../core/store.ts";
import { checkReportDirectory } from "../../report/writer.ts";
import { checkTarget, openTarget, openWorkplace, systemClock } from "../../wire.ts";
import type { Command } from "../command.ts";
import { drained } from "../drain.ts";
import { startHealthServer } from "../health-server.ts";
import { makeReadiness, type WorkerReadiness } from "../readiness.ts";
import { writeRunReport } from "../run-summary.ts";
import type { Session } from "../session.ts";
import { visible } from "../show/escape.ts";
import { formatDuration } from "../show/human.ts";
import { renderRunChange } from "../show/progress.ts";
import { StoreTrouble } from "../store-trouble.ts";

const LOOK_MS = 1_000;

export const workerCommand: Command = {
  settings: [
    ...PROCESS_SETTINGS,
    "syncs",
    "syncReportDir",
    "timeout",
    "drainTimeout",
    "healthPort",
    "healthHost",
  ],
  examples: [
    ["worker --store redis://127.0.0.1:6379", "help with the runs on that Redis"],
    ["worker --store postgres://127.0.0.1/traceload", "or in that database"],
    ["worker --health-port 8080", "say over HTTP whether it lives and serves"],
  ],
  run: async (session) => {
    const { loaded, err, signal } = session;
    const { settings } = loaded;
    // The embedded store belongs to one process: nobody can leave runs to it, but its syncs can be run there.
    if (settings.store.startsWith("pglite:") && settings.syncs === "off") {
      throw new TraceloadError(
        "wrong_usage",
        "a worker without syncs needs a store that others reach; the embedded one belongs to one process",
        { next: "traceload worker --store redis://host:6379, or --store postgres://host/database" },
      );
    }
    const say = (text: string) => {
      if (!settings.quiet) err.stream.write(`${visible(text)}\n`);
    };
    const readiness = makeReadiness(systemClock, signal);
    const { healthHost: host, healthPort: port, drainTimeout: graceMs } = settings;
    const health =
      port === undefined
        ? undefined
        : await startHealthServer({ host, port, readiness: () => readiness.now() });
    try {
      if (health !== undefined) say(`health endpoint: ${health.url}/live and /ready`);
      const onLate = () =>
        say(
          `left ${formatDuration(graceMs)} after the signal; rows in flight count as unknown, and are not sent again`,
        );
      const clock = systemClock;
      const received = () => session.received();
      return await drained(serve(session, { say, readiness }), { signal, received, graceMs, clock, onLate });
    } finally {
      await health?.close();
    }
  },
};

/** Resolves when it was told to stop, and what was in flight has ended. */
async function serve(
  session: Session,
  { say, readiness }: { say: (text: string) => void; readiness: WorkerReadiness },
): Promise<void> {
  const { loaded, environment, signal } = session;
  const { settings } = loaded;
  const trouble = new StoreTrouble({ note: say, monotonicMs: () => systemClock.monotonicMs() });
  const onFault = (error: unknown) => {
    session.onFault(error);
    trouble.fault(error);
  };
  const looking = setInterval(() => trouble.look(), LOOK_MS).unref();
  const reports = settings.syncReportDir;
  if (reports !== undefined) await checkReportDirectory(reports);
  const target = await openTarget(loaded, environment);
  try {
    for (const warning of await checkTarget(target, undefined, signal)) say(`warning: ${warning}`);
    const workplace = await openWorkplace(settings, target, onFault);
    try {
      const { facts } = workplace.store;
      for (const warning of facts.warnings) say(`warning: ${warning}`);
      say(`serving runs of ${facts.name}, sending to ${target.baseUrl} (Ctrl-C to stop)`);
      const onChange = (change: Parameters<typeof renderRunChange>[0]) => say(renderRunChange(change));
      const onSync = ({ sync, became, runId }: { sync: string; became: string; runId: string | undefined }) =>
        say(`sync ${sync}: ${runId === undefined ? "" : `run ${runId} `}${became}`);
      const onEnded =
        reports === undefined
          ? undefined
          : (run: Run) => leaveReport(session, { store: workplace.store, run, reports });
      const desk = workplace.syncDesk({ environment, onChange: onSync, onEnded }, () => undefined);
      const syncs = settings.syncs === "on" ? { syncs: desk } : {};
      readiness.serving(workplace.store);
      await workplace.serve({ onChange, concurrency: settings.concurrency, ...syncs }, signal);
    } finally {
      await workplace.close();
    }
  } finally {
    clearInterval(looking);
    await target.close();
  }
}

async function leaveReport(
  session: Session,
  { store, run, reports }: { store: Store; run: Run; reports: string },
): Promise<void> {
  await writeRunReport(session, {
    store,
    run,
    directory: reports,
    achievedPerSecond: undefined,
    importArguments: undefined,
  });
}
