/** `traceload cancel`: a run is given up; its other rows stay unprocessed. */
import { namedRun } from "../../wire/stores.ts";
import type { Command } from "../command.ts";
import { haltCommand } from "../halt-command.ts";

export const cancelCommand: Command = {
  positional: { name: "run", describe: "the run's id, or latest", many: false },
  settings: [],
  examples: [["cancel latest", "the newest run"]],
  run: (session, argv) =>
    haltCommand(session, "cancelled", (store) => namedRun(store, argv["run"] as string)),
};
