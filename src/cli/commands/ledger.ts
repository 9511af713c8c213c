/** `traceload ledger`: looking into the ledger, and the little that a person may change in it. */
import type { CommandGroup } from "../command.ts";
import { ledgerExportCommand } from "./ledger-export.ts";
import { ledgerGetCommand } from "./ledger-get.ts";
import { ledgerImportCommand } from "./ledger-import.ts";
import { ledgerMarkCommand } from "./ledger-mark.ts";
import { ledgerPruneCommand } from "./ledger-prune.ts";

export const ledgerGroup: CommandGroup = {
  group: "ledger",
  describe: "look into the ledger, decide held rows, move it to another store",
  commands: [
    ledgerGetCommand,
    ledgerMarkCommand,
    ledgerExportCommand,
    ledgerImportCommand,
    ledgerPruneCommand,
  ],
};
