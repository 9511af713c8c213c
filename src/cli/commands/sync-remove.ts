/** `traceload sync remove`: forgets a sync with its watermark and history. Its runs, and the ledger, stay. */
import { stdin } from "node:process";
import { printableJson } from "../../report/rows-text.ts";
import { openSyncStore } from "../../wire/sync-store.ts";
import type { Command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { namedSync, SYNC_POSITIONAL } from "../sync-names.ts";

export const syncRemoveCommand: Command = {
  positional: SYNC_POSITIONAL,
  settings: [],
  ownFlags: { yes: { type: "boolean", describe: "do not ask" } },
  examples: [["sync remove nightly --yes", "it is not run any more"]],
  run: async ({ loaded, onFault, signal, out, err }, argv) => {
    const name = namedSync(argv);
    const store = await openSyncStore(loaded.settings, onFault);
    try {
      const question = `Forget sync ${name} of ${store.name}, its watermark and its history?`;
      const asking = { input: stdin, output: err.stream, yes: argv["yes"] === true, signal };
      if (!(await confirm(question, asking))) {
        err.stream.write("nothing was forgotten\n");
        return 0;
      }
      await store.remove(name);
      out.stream.write(
        loaded.settings.json
          ? `${printableJson({ sync: name, removed: true })}\n`
          : `sync ${name} is removed; what it added is known still, and is not sent again\n`,
      );
      return 0;
    } finally {
      await store.close();
    }
  },
};
