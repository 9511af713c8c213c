/** `traceload pause`: a run stops sending, in every process, until it is resumed. */
import { theActiveRun } from "../../wire/controls.ts";
import { namedRun } from "../../wire/stores.ts";
import type { Command } from "../command.ts";
import { haltCommand } from "../halt-command.ts";

export const pauseCommand: Command = {
  positional: { name: "run", describe: "the run's id; default: the only one going on", many: false },
  settings: [],
  examples: [["pause --store redis://127.0.0.1:6379", "the run on that Redis"]],
  run: (session, argv) => {
    const wanted = argv["run"] as string | undefined;
    return haltCommand(session, "paused", async (store) =>
      wanted === undefined ? theActiveRun(await store.listRuns()) : namedRun(store, wanted),
    );
  },
};
