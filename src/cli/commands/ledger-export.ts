/** `traceload ledger export`: the ledger as a file, to be taken to another store. */
import { ACTIVE_STATES, apparentState } from "../../core/status.ts";
import type { Store } from "../../core/store.ts";
import { printableJson } from "../../report/rows-text.ts";
import { exportLedger, openLedgerStore, type ExportedLedger } from "../../wire/ledger.ts";
import type { Command } from "../command.ts";
import { STREAM, writeToStream, writeWholeFile } from "../ledger-files.ts";
import type { Session } from "../session.ts";
import { visible } from "../show/escape.ts";
import { formatEntries, formatGroups } from "../show/ledger-text.ts";

export const ledgerExportCommand: Command = {
  positional: { name: "file", describe: "where to; - or nothing: standard output", many: false },
  settings: [],
  examples: [
    ["ledger export ledger.ndjson", "the embedded store's ledger"],
    ["ledger export --store redis://127.0.0.1:6379 - | gzip > ledger.gz", "that of a Redis, packed"],
  ],
  run: async (session, argv) => {
    const { loaded, onFault, signal, out, err } = session;
    const file = typeof argv["file"] === "string" ? argv["file"] : STREAM;
    const connection = await openLedgerStore(loaded.settings, { mustExist: true }, onFault);
    try {
      if (!loaded.settings.quiet) err.stream.write(await warningOf(connection.store));
      const chunks = exportLedger(connection.store, signal);
      const exported =
        file === STREAM ? await writeToStream(out.stream, chunks) : await writeWholeFile(file, chunks);
      tell(session, file, exported, connection.store.facts.name);
      return 0;
    } finally {
      await connection.close();
    }
  },
};

/** Empty where nobody sends through the store. */
async function warningOf(store: Pick<Store, "listRuns">): Promise<string> {
  const runs = await store.listRuns({ states: ACTIVE_STATES });
  const alive = runs.filter((run) => ACTIVE_STATES.includes(apparentState(run))).map(({ runId }) => runId);
  if (alive.length === 0) return "";
  const text = `warning: ${alive.join(", ")} still running: what is added from now on is not in the export`;
  return `${visible(text)}\n`;
}

/** Beside the ledger itself nothing goes to standard output. */
function tell({ loaded, out, err }: Session, file: string, exported: ExportedLedger, store: string): void {
  const { json, quiet } = loaded.settings;
  const { entries, groups } = exported;
  if (json && file !== STREAM) {
    out.stream.write(`${printableJson({ file, groups, entries })}\n`);
    return;
  }
  const text = `${formatEntries(entries)} and ${formatGroups(groups)} of ${store} exported${file === STREAM ? "" : ` to ${file}`}`;
  if (file !== STREAM) out.stream.write(`${visible(text)}\n`);
  else if (!quiet) err.stream.write(`${visible(text)}\n`);
}
