/** `traceload ledger import`: takes another store's ledger over. */
import { stdin } from "node:process";
import { printableJson } from "../../report/rows-text.ts";
import { checkLedgerFile, openLedgerStore, takeLedgerOver } from "../../wire/ledger.ts";
import type { Command } from "../command.ts";
import { openLedgerFile } from "../ledger-files.ts";
import { visible } from "../show/escape.ts";
import { formatEntries, formatGroups } from "../show/ledger-text.ts";
import { formatCount } from "../../core/counted.ts";

export const ledgerImportCommand: Command = {
  positional: { name: "file", describe: "what `ledger export` wrote; - for standard input", many: false },
  settings: [],
  examples: [
    ["ledger import ledger.ndjson --store redis://127.0.0.1:6379", "from the embedded store to a Redis"],
  ],
  run: async (session, argv) => {
    const { loaded, onFault, signal, out } = session;
    const { settings } = loaded;
    const name = String(argv["file"]);
    const opened = await openLedgerFile(name, stdin, signal);
    const { file } = opened;
    try {
      // Checked before the store is opened: a file that is wrong makes no store.
      const checked = await checkLedgerFile(file, signal);
      const connection = await openLedgerStore(settings, { mustExist: false }, onFault);
      try {
        const { groups, newGroups, entries, changed } = await takeLedgerOver(
          connection.store,
          file,
          checked,
          signal,
        );
        if (settings.json) {
          const { store, exportedAt } = checked;
          const from = { store, exportedAt };
          out.stream.write(`${printableJson({ from, groups, newGroups, entries, newEntries: changed })}\n`);
          return 0;
        }
        const lines = [
          `${formatCount(changed)} of ${formatEntries(entries)} new in ${connection.store.facts.name}, ${formatCount(entries - changed)} were there`,
          `${formatCount(newGroups)} of ${formatGroups(groups)} new, ${formatCount(groups - newGroups)} were there`,
        ];
        out.stream.write(lines.map((line) => `${visible(line)}\n`).join(""));
        return 0;
      } finally {
        await connection.close();
      }
    } finally {
      await opened.close();
    }
  },
};
