/** `traceload verify`: settles the unknown rows of a run by asking the server. */
import { PROCESS_SETTINGS, SANDBOX_SETTINGS } from "../../../config/setting-lists.ts";
import { conductVerify, verifyExitCode } from "../../wire/conduct.ts";
import type { Command } from "../command.ts";
import { conductAtTarget } from "../conduct.ts";

export const verifyCommand: Command = {
  positional: {
    name: "run",
    describe: "the run's id, or latest; without one the newest that has unknown rows",
    many: false,
  },
  settings: ["timeout", ...PROCESS_SETTINGS, ...SANDBOX_SETTINGS, "reportDir"],
  ownFlags: {
    wait: {
      type: "boolean",
      default: true,
      describe: "wait until nothing can arrive any more; --no-wait: settle what can be settled now",
    },
  },
  examples: [
    ["verify", "the newest run that has unknown rows"],
    ["verify latest --no-wait", "without waiting for requests that may still arrive"],
  ],
  run: (session, argv) => {
    const wanted = argv["run"] as string | undefined;
    const wait = argv["wait"] !== false;
    return conductAtTarget(session, {
      start: (conducting) => conductVerify(conducting, { wanted, wait }, session.signal),
      exitCodeOf: verifyExitCode,
    });
  },
};
