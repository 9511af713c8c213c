/** `traceload resume`: carries on a run that was interrupted, stopped, paused or cancelled. */
import { PROCESS_SETTINGS, SANDBOX_SETTINGS, SENDING_SETTINGS } from "../../../config/setting-lists.ts";
import type { OpenedSources } from "../../core/source.ts";
import { conductResume, readingFault } from "../../wire/conduct.ts";
import type { Command } from "../command.ts";
import { conductAtTarget } from "../conduct.ts";

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
  run: (session, argv) => {
    const { environment, signal } = session;
    const wanted = argv["run"] as string | undefined;
    let readShare: () => number | undefined = () => undefined;
    const look = (sources: OpenedSources) => (readShare = () => sources.readShare());
    return conductAtTarget(session, {
      readShare: () => readShare(),
      start: (conducting) => conductResume(conducting, { wanted, environment, look }, signal),
      faultOf: readingFault,
    });
  },
};
