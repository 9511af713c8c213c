/** An import without its sending: what is read, what is wrong with it, and what the ledger knows already. */
import type { OpenedSources } from "../core/source.ts";
import type { NewRow, Store } from "../core/store.ts";
import { markKnown, newRow, requireGroups } from "./producer.ts";

/** Rows as an import would store them; `queued` are those it would send. Without a store nothing is known before. */
export async function* dryRun(
  sources: OpenedSources,
  origin: string,
  store: Pick<Store, "lookup"> | undefined,
  signal: AbortSignal,
): AsyncGenerator<NewRow[], void, undefined> {
  let read = 0;
  for await (const batch of sources.rows(signal)) {
    if (read === 0) requireGroups(batch);
    const rows = batch.map((sourceRow, index) => newRow(origin, sourceRow, read + 1 + index));
    if (store !== undefined) await markKnown(store, rows);
    read += rows.length;
    yield rows;
  }
}
