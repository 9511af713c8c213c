/** `traceload publish`: the drafts of a finished run become versions. */
import { PROCESS_SETTINGS, SANDBOX_SETTINGS } from "../../../config/setting-lists.ts";
import { conductPublish, publishExitCode } from "../../wire/conduct.ts";
import type { Command } from "../command.ts";
import { conductAtTarget } from "../conduct.ts";

export const publishCommand: Command = {
  positional: { name: "run", describe: "the run's id, or latest", many: false },
  settings: ["timeout", ...PROCESS_SETTINGS, ...SANDBOX_SETTINGS, "publishWait", "reportDir"],
  ownFlags: {
    force: {
      type: "boolean",
      describe: "also where rows did not make it or are unknown, or another writer was seen",
    },
  },
  examples: [
    ["publish latest", "if every row of the run is in its draft, and the draft is verified"],
    ["publish latest --force", "whatever was seen"],
  ],
  run: (session, argv) => {
    const wanted = argv["run"] as string;
    const force = argv["force"] === true;
    return conductAtTarget(session, {
      start: (conducting) => conductPublish(conducting, { wanted, force }, session.signal),
      exitCodeOf: publishExitCode,
    });
  },
};
