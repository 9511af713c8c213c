/** `traceload resume`: carries on a run that was interrupted, stopped, paused or cancelled. */
import {
  checkTarget,
  findResumable,
  givenOptions,
  openTarget,
  parseRunOptions,
  requireOrigin,
  sourcesOfRun,
} from "../../wire.ts";
import type { Command } from "../command.ts";
import { conduct } from "../conduct.ts";

export const resumeCommand: Command = {
  usage: "resume [run]",
  describe: "carry on a run that was interrupted, stopped or paused",
  positional: { name: "run", describe: "the run's id, or latest: the newest that can be", many: false },
  settings: [
    "acceptChangedSource",
    "rate",
    "concurrency",
    "timeout",
    "horizon",
    "maxAttempts",
    "maxErrors",
    "grace",
    "onUnknown",
    "onDraftChange",
    "sandbox",
    "reportDir",
    "sendWindow",
    "leaseTtl",
    "lockTime",
    "stalledCheck",
    "sweepInterval",
    "retryBase",
    "retryCap",
    "highWater",
    "sandboxRecord",
  ],
  examples: [
    ["resume", "the newest run that is not over"],
    ["resume latest --rate 5/s", "slower than before"],
  ],
  run: async (session, argv) => {
    const { loaded, signal } = session;
    const { settings, origins } = loaded;
    const target = await openTarget(loaded, session.environment);
    try {
      const warnings = await checkTarget(target, undefined, signal);
      let readShare: () => number | undefined = () => undefined;
      return await conduct(session, target, {
        warnings,
        readShare: () => readShare(),
        importArguments: undefined,
        start: async ({ workplace, note, onProgress }) => {
          const { store } = workplace;
          const run = await findResumable(store, argv["run"] as string | undefined);
          requireOrigin(run, target.origin, "resume");
          const sources = await sourcesOfRun(workplace, run, settings.acceptChangedSource);
          if (sources !== undefined) readShare = () => sources.opened.readShare();
          note(`carrying on run ${run.runId}`);
          const { maxErrors: limit } = parseRunOptions(run.runId, run.options);
          const own = limit && { rows: limit.rows, percent: limit.percent };
          const request = {
            run,
            sources,
            options: givenOptions(loaded, target),
            detach: false,
            highWaterRows: settings.highWater,
            maxErrors: origins.maxErrors === "default" ? own : settings.maxErrors,
          };
          return workplace.carryOn(request, signal, onProgress);
        },
        judge: ({ counts }, { fault }) => {
          if (fault !== undefined && counts.read === 0) throw fault;
        },
      });
    } finally {
      await target.close();
    }
  },
};
