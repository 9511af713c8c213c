/** `traceload sync history`: what became of a sync's ticks. */
import { printableJson } from "../../report/rows-text.ts";
import { openSyncStore } from "../../wire/sync-store.ts";
import type { Command } from "../command.ts";
import { globalArguments } from "../../wire/command-flags.ts";
import { namedSync, SYNC_POSITIONAL } from "../sync-names.ts";
import { renderHistory } from "../show/syncs-text.ts";

const SHOWN_TICKS = 50;

export const syncHistoryCommand: Command = {
  positional: SYNC_POSITIONAL,
  settings: ["limit"],
  examples: [["sync history nightly --limit 200", "its last 200 ticks, the newest first"]],
  run: async (session, argv) => {
    const { loaded, onFault, out, program } = session;
    const { json, limit = SHOWN_TICKS } = loaded.settings;
    const store = await openSyncStore(loaded.settings, onFault);
    try {
      const report = [program, "report", ...globalArguments(session)].join(" ");
      const ticks = await store.history(namedSync(argv), limit);
      out.stream.write(
        json
          ? `${printableJson({ sync: namedSync(argv), ticks })}\n`
          : renderHistory(ticks, { color: out.color, report }),
      );
      return 0;
    } finally {
      await store.close();
    }
  },
};
