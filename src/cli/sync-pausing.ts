/** Pausing a sync and resuming it: the same command but for the word. */
import { printableJson } from "../report/rows-text.ts";
import { openSyncStore } from "../wire/sync-store.ts";
import type { Command } from "./command.ts";
import { namedSync, SYNC_POSITIONAL } from "./sync-names.ts";

export function syncPauseOrResume(word: "pause" | "resume"): Command {
  const paused = word === "pause";
  return {
    positional: SYNC_POSITIONAL,
    settings: [],
    examples: [
      [
        `sync ${word} nightly`,
        paused ? "its ticks are skipped; a run that goes on is not stopped" : "from the next tick on",
      ],
    ],
    run: async ({ loaded, onFault, out }, argv) => {
      const name = namedSync(argv);
      const store = await openSyncStore(loaded.settings, onFault);
      try {
        const changed = await store.setPaused(name, paused);
        const said = paused ? "is paused" : "runs again when it is due";
        out.stream.write(
          loaded.settings.json
            ? `${printableJson({ sync: name, paused, changed })}\n`
            : `sync ${name} ${changed ? "" : "already "}${said}\n`,
        );
        return 0;
      } finally {
        await store.close();
      }
    },
  };
}
