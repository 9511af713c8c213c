/** `traceload sync list`: the store's syncs. */
import { printableJson } from "../../report/rows-text.ts";
import { openSyncStore } from "../../wire/sync-store.ts";
import type { Command } from "../command.ts";
import { renderSyncs } from "../show/syncs-text.ts";

export const syncListCommand: Command = {
  settings: [],
  examples: [["sync list --json", "with everything that is known of each"]],
  run: async ({ loaded, onFault, out }) => {
    const store = await openSyncStore(loaded.settings, onFault);
    try {
      const syncs = await store.list();
      out.stream.write(
        loaded.settings.json
          ? `${printableJson({ syncs })}\n`
          : renderSyncs(syncs, { color: out.color, nowMs: Date.now() }),
      );
      return 0;
    } finally {
      await store.close();
    }
  },
};
