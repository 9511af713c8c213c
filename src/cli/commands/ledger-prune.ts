/** `traceload ledger prune`: forgets what was added to a group whose dataset is gone. */
import { stdin } from "node:process";
import { groupKey } from "../../core/row.ts";
import { printableJson } from "../../report/rows-text.ts";
import { openLedgerStore, pruneGroup, targetOrigin } from "../../wire/ledger.ts";
import type { Command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { namedGroup } from "../ledger-address.ts";
import { visible } from "../show/escape.ts";
import { formatRows } from "../show/human.ts";

export const ledgerPruneCommand: Command = {
  settings: ["datasetGroup", "sandbox"],
  ownFlags: { yes: { type: "boolean", describe: "do not ask" } },
  examples: [["ledger prune -g 42", "its dataset was deleted; an import shall fill a new one"]],
  run: async (session, argv) => {
    const { loaded, onFault, signal, out, err } = session;
    const { settings } = loaded;
    const origin = targetOrigin(settings);
    const datasetGroupId = namedGroup(session);
    const connection = await openLedgerStore(settings, { mustExist: true }, onFault);
    try {
      const { store } = connection;
      const what = `every row that was added to dataset group ${datasetGroupId} of ${origin}`;
      const question = `Forget, in ${store.facts.name}, ${what}? An import would send all of them again.`;
      const isMeant = await confirm(visible(question), {
        input: stdin,
        output: err.stream,
        yes: argv["yes"] === true,
        signal,
      });
      if (!isMeant) {
        err.stream.write("nothing was forgotten\n");
        return 0;
      }
      const { removed, unknown, sending } = await pruneGroup(store, groupKey(origin, datasetGroupId), signal);
      if (settings.json) {
        out.stream.write(`${printableJson({ datasetGroupId, origin, removed, unknown, sending })}\n`);
        return 0;
      }
      const lines = [
        `forgotten: ${formatRows(removed)} of dataset group ${datasetGroupId}; an import would send them again`,
      ];
      if (unknown + sending > 0) {
        lines.push(
          `still held: ${formatRows(unknown)} unknown, ${sending} being sent; see traceload ledger mark`,
        );
      }
      out.stream.write(lines.map((line) => `${visible(line)}\n`).join(""));
      return 0;
    } finally {
      await connection.close();
    }
  },
};
