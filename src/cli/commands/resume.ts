/** `traceload resume`: carries on a run that was interrupted, stopped, paused or cancelled. */
import { PROCESS_SETTINGS, SANDBOX_SETTINGS, SENDING_SETTINGS } from "../../../config/setting-lists.ts";
import type { OpenedSources } from "../../core/source.ts";
import { checkTarget } from "../../wire.ts";
import { conductResume, readingFault } from "../../wire/conduct.ts";
import type { Command } from "../command.ts";
import { conduct, withTarget } from "../conduct.ts";

export const resumeCommand: Command = {
  positional: { name: "run", describe: "the run's id, or latest: the newest that can be", many: false },
  settings: [
    ...SENDING_SETTINGS,
    ...PROCESS_SETTINGS,
    ...SANDBOX_SETTINGS,
    "acceptChangedSource",
    "reportDir",
    "highWater",
  ],
  examples: [
    ["resume", "the newest run that is not over"],
    ["resume latest --rate 5/s", "slower than before"],
  ],
  run: async (session, argv) => {
    const { environment, loaded, signal } = session;
    return withTarget(session, async (target) => {
      const warnings = await checkTarget(target, undefined, signal);
      let readShare: () => number | undefined = () => undefined;
      return conduct(session, target, {
        warnings,
        readShare: () => readShare(),
        importArguments: undefined,
        start: ({ workplace, note, onProgress }) => {
          const conducting = { loaded, target, workplace, warnings, note, onProgress };
          const wanted = argv["run"] as string | undefined;
          const look = (sources: OpenedSources) => (readShare = () => sources.readShare());
          return conductResume(conducting, { wanted, environment, look }, signal);
        },
        faultOf: readingFault,
      });
    });
  },
};
