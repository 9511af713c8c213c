/** What the store knows of one row across all runs: its entry, its result in the run that sent it, people's notes. */
import type { RowKey } from "../../core/row.ts";
import type { LedgerEntry, LedgerNote, Run, Store, StoredRow } from "../../core/store.ts";

export interface EntryView {
  key: RowKey;
  /** undefined: never sent, or certainly not applied. */
  entry: LedgerEntry | undefined;
  /** The run whose row the entry stands for; undefined when it is not kept any more, or was never of this store. */
  run: Run | undefined;
  /** The row's result in that run. */
  result: StoredRow | undefined;
  /** Oldest first. They outlive the entry. */
  notes: LedgerNote[];
}

/** Changes nothing. What was read at different moments is shown together: an entry may settle in between. */
export async function viewEntry(
  store: Pick<Store, "lookup" | "listRuns" | "readRows" | "readNotes">,
  key: RowKey,
): Promise<EntryView> {
  const [entry] = await store.lookup([key]);
  const run = entry === undefined ? undefined : await runOfEntry(store, entry);
  const result =
    entry === undefined || run === undefined ? undefined : await readRow(store, run.runId, entry.row);
  return { key, entry, run, result, notes: await store.readNotes(key) };
}

/** Entries that came from another store, or were made by hand, stand for run 0: there is none. */
async function runOfEntry(store: Pick<Store, "listRuns">, { runSeq }: LedgerEntry): Promise<Run | undefined> {
  return runSeq === 0 ? undefined : (await store.listRuns()).find(({ seq }) => seq === runSeq);
}

async function readRow(
  store: Pick<Store, "readRows">,
  runId: string,
  row: number,
): Promise<StoredRow | undefined> {
  const [found] = await store.readRows(runId, { fromRow: row, limit: 1 });
  return found?.row === row ? found : undefined;
}
