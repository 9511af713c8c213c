/** An import without its sending: what is read, what is wrong with it, and what the ledger knows already. */
import type { OpenedSources } from "../core/source.ts";
import type { NewRow, Store } from "../core/store.ts";
import { addedBefore } from "./forced-rows.ts";
import { markKnown, newRow, requireGroups } from "./producer.ts";

export interface DryRun {
  sources: OpenedSources;
  origin: string;
  /** Undefined: nothing is known before. */
  store: Pick<Store, "lookup"> | undefined;
  /** Whether rows that were added before would be sent again. */
  force: boolean;
}

/** Rows as an import would store them; `queued` are those it would send. */
export async function* dryRun(
  { sources, origin, store, force }: DryRun,
  signal: AbortSignal,
): AsyncGenerator<NewRow[], void, undefined> {
  let read = 0;
  for await (const batch of sources.rows(signal)) {
    if (read === 0) requireGroups(batch);
    const rows = batch.map((sourceRow, index) => newRow(origin, sourceRow, read + 1 + index));
    if (store !== undefined) await markKnown(store, rows, force ? addedBefore(undefined) : undefined);
    read += rows.length;
    yield rows;
  }
}
