/** The rows of a run a page at a time, so that no more than a page is in memory. */
import type { Store, StoredRow } from "../core/store.ts";

export const PAGE_ROWS = 1_000;

/** In row order, by row numbers: what changes behind the page just read is not seen. `statuses` undefined: all rows. */
export async function* rowPages(
  store: Pick<Store, "readRows">,
  runId: string,
  statuses?: readonly StoredRow["status"][],
): AsyncGenerator<StoredRow[], void, undefined> {
  for (let fromRow = 1; ;) {
    const page = await store.readRows(runId, { fromRow, limit: PAGE_ROWS, ...(statuses && { statuses }) });
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    fromRow = last.row + 1;
  }
}
