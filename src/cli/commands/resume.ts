/** `traceload resume`: carries on a run that was interrupted, stopped, paused or cancelled. */
import {
  checkTarget,
  findResumable,
  givenOptions,
  parseRunOptions,
  requireOrigin,
  sourcesOfRun,
} from "../../wire.ts";
import type { Command } from "../command.ts";
import { conduct, withTarget } from "../conduct.ts";
import { PROTOCOL_SETTINGS, SENDING_SETTINGS } from "../flags.ts";

export const resumeCommand: Command = {
  positional: { name: "run", describe: "the run's id, or latest: the newest that can be", many: false },
  settings: [
    "acceptChangedSource",
    ...SENDING_SETTINGS,
    "sandbox",
    "reportDir",
    ...PROTOCOL_SETTINGS,
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
    return withTarget(session, async (target) => {
      const warnings = await checkTarget(target, undefined, signal);
      let readShare: () => number | undefined = () => undefined;
      return conduct(session, target, {
        warnings,
        readShare: () => readShare(),
        importArguments: undefined,
        start: async ({ workplace, note, onProgress }) => {
          const { store } = workplace;
          const run = await findResumable(store, argv["run"] as string | undefined);
          requireOrigin(run, target.origin, "resume");
          const { acceptChangedSource: acceptChanged } = settings;
          const { environment } = session;
          const sources = await sourcesOfRun(workplace, run, { acceptChanged, environment });
          if (sources !== undefined) readShare = () => sources.opened.readShare();
          note(`carrying on run ${run.runId}`);
          const { maxErrors: own } = parseRunOptions(run.runId, run.options);
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
    });
  },
};
