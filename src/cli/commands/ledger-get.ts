/** `traceload ledger get`: what is known of one row. */
import { TraceloadError } from "../../core/errors.ts";
import { rowOfTexts, type Row, type RowKey } from "../../core/row.ts";
import { apparentState } from "../../core/status.ts";
import { isoTime, reportRecord, reportRow } from "../../report/columns.ts";
import { printableJson } from "../../report/rows-text.ts";
import { openStoreIfThere } from "../../wire/stores.ts";
import { keyed, targetOrigin, viewEntry, type EntryView } from "../../wire/ledger.ts";
import type { Command } from "../command.ts";
import { namedRow, nextCommand, ROW_POSITIONALS, typedText } from "../ledger-address.ts";
import { withoutPassword } from "../../wire/command-flags.ts";
import type { Session } from "../session.ts";
import { renderEntry } from "../show/ledger-text.ts";

export const ledgerGetCommand: Command = {
  positional: ROW_POSITIONALS,
  settings: ["datasetGroup", "sandbox"],
  ownFlags: {
    key: { type: "string", requiresArg: true, describe: "the entry's key, instead of the row's IDs" },
  },
  examples: [
    ["ledger get 4bf92f3577b34da6a3ce929d0e0e4736 -g 42", "was this trace sent, and what came of it?"],
  ],
  run: async (session, argv) => {
    const { loaded, onFault, out } = session;
    const { key, row } = readWanted(session, argv);
    const connection = await openStoreIfThere(loaded.settings, onFault);
    try {
      const view: EntryView =
        connection === undefined
          ? { key, entry: undefined, run: undefined, result: undefined, notes: [] }
          : await viewEntry(connection.store, key);
      const next = nextCommands(session, view, row);
      if (loaded.settings.json) {
        out.stream.write(`${printableJson(asJson(view, row, next))}\n`);
        return 0;
      }
      out.stream.write(
        renderEntry(view, {
          row,
          next,
          color: out.color,
          nowMs: connection === undefined ? undefined : await connection.store.now(),
          store: connection?.store.facts.name ?? withoutPassword(loaded.settings.store),
        }),
      );
      return 0;
    } finally {
      await connection?.close();
    }
  },
};

interface Wanted {
  key: RowKey;
  row: Row | undefined;
}

function readWanted(session: Session, argv: Readonly<Record<string, unknown>>): Wanted {
  const typed = typedText(argv, "key");
  if (typed === undefined) {
    const row = namedRow(session, argv);
    return { key: keyed(targetOrigin(session.loaded.settings), row).key, row };
  }
  if (argv["trace-id"] !== undefined) {
    throw new TraceloadError("wrong_usage", "--key names a row by itself: leave the trace ID out");
  }
  if (!/^[0-9a-f]{32}$/.test(typed)) {
    throw new TraceloadError("wrong_usage", `--key: ${JSON.stringify(typed)} is not 32 hex digits`);
  }
  return { key: typed as RowKey, row: undefined };
}

/** What a person would type now. A row that is named by its key alone is known by its result, if that is kept. */
function nextCommands(session: Session, { entry, run, result }: EntryView, named: Row | undefined): string[] {
  if (entry === undefined) return [];
  const row = named ?? (result === undefined ? undefined : rowOfTexts(result));
  const ofRun = (command: string) => (run === undefined ? [] : [nextCommand(session, [command, run.runId])]);
  switch (entry.state) {
    case "sending":
    case "added":
      return ofRun("status");
    case "unknown":
      return [
        ...ofRun("verify"),
        ...(row === undefined
          ? []
          : (["added", "absent"] as const).map((decision) =>
              nextCommand(session, [
                "ledger",
                "mark",
                decision,
                row.traceId,
                ...(row.spanId === undefined ? [] : [row.spanId]),
                "-g",
                String(row.datasetGroupId),
                "--why",
                "…",
              ]),
            )),
      ];
    default:
      return entry.state satisfies never;
  }
}

function asJson({ key, entry, run, result, notes }: EntryView, row: Row | undefined, next: string[]) {
  return {
    key,
    datasetGroupId: row?.datasetGroupId ?? null,
    traceId: row?.traceId ?? null,
    spanId: row?.spanId ?? null,
    state: entry?.state ?? "none",
    draftDatasetId: entry?.draftDatasetId ?? null,
    until: isoTime(entry?.until),
    run: run === undefined ? null : { runId: run.runId, state: apparentState(run), row: entry?.row ?? null },
    result:
      run === undefined || result === undefined
        ? null
        : reportRecord(reportRow(result, run.sources), run.runId),
    notes: notes.map((note) => Object.assign({}, note, { at: isoTime(note.at) })),
    next,
  };
}
