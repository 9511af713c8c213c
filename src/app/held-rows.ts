/** What a run that is carried on holds already: its sources are read again, and rows that it holds are passed over. */
import { TraceloadError } from "../core/errors.ts";
import { rowsRead } from "../core/status.ts";
import type { NewRow, Run, Store, StoredRow } from "../core/store.ts";
import type { HeldRows } from "./producer.ts";
import { PAGE_ROWS, rowPages } from "./row-pages.ts";

/**
 * Rows are known by their numbers: the sources are as they were. Throws `source_changed` at the first row that is not
 * the one that was read before.
 */
export function heldByNumber(store: Pick<Store, "readRows">, run: Run): HeldRows {
  let passedOver = 0;
  return {
    withoutHeld: async (rows) => {
      const held = await readHeld(store, run.runId, rows);
      const fresh = rows.filter((row) => {
        const before = held.get(row.row);
        if (before !== undefined && identity(before) !== identity(row)) throw changed(run, before, row);
        return before === undefined;
      });
      passedOver += rows.length - fresh.length;
      return fresh;
    },
    passedOver: () => passedOver,
  };
}

/** The same where rows have numbers of their own, so that some of the held ones may not come again. */
export function heldByOwnNumber(store: Pick<Store, "readRows">, run: Run): HeldRows {
  return {
    withoutHeld: async (rows) => {
      const held = await readHeld(store, run.runId, rows);
      return rows.filter(({ row }) => !held.has(row));
    },
    passedOver: () => rowsRead(run.counts),
  };
}

/**
 * Rows are known by their content, since the sources changed: what they hold now and the run does not is added behind
 * its last row. Takes memory for each row that the run holds.
 */
export function heldByContent(store: Pick<Store, "readRows">, run: Run): HeldRows {
  let known: Set<string> | undefined;
  let highest = 0;
  const readAll = async (): Promise<Set<string>> => {
    const all = new Set<string>();
    for await (const page of rowPages(store, run.runId)) {
      for (const row of page) all.add(identity(row));
      highest = page.at(-1)?.row ?? highest;
    }
    return all;
  };
  return {
    withoutHeld: async (rows) => {
      const held = (known ??= await readAll());
      return rows
        .filter((row) => !held.has(identity(row)))
        .map((row) => Object.assign(row, { row: (highest += 1) }));
    },
    passedOver: () => rowsRead(run.counts),
  };
}

async function readHeld(
  store: Pick<Store, "readRows">,
  runId: string,
  rows: readonly NewRow[],
): Promise<Map<number, StoredRow>> {
  const held = new Map<number, StoredRow>();
  const last = rows.at(-1)?.row ?? 0;
  for (let fromRow = rows[0]?.row ?? 1; fromRow <= last;) {
    const limit = Math.min(PAGE_ROWS, last - fromRow + 1);
    const page = await store.readRows(runId, { fromRow, limit });
    for (const row of page) held.set(row.row, row);
    const end = page.at(-1);
    if (end === undefined || end.row >= last) break;
    fromRow = end.row + 1;
  }
  return held;
}

type Identified = Pick<StoredRow, "source" | "datasetGroupId" | "traceId" | "spanId">;

function identity({ datasetGroupId, traceId, spanId }: Identified): string {
  return JSON.stringify([datasetGroupId, traceId, spanId]);
}

function changed(run: Run, before: StoredRow, now: NewRow): TraceloadError {
  const name = run.sources[before.source] ?? `source ${before.source + 1}`;
  return new TraceloadError(
    "source_changed",
    `${name}:${now.line}: row ${before.row} was trace ${JSON.stringify(before.traceId)} when run ${run.runId} read it, and is ${JSON.stringify(now.traceId)} now`,
    { next: acceptChangedNext(run.runId) },
  );
}

/** What to type when the source of a run that is to be carried on is not what it was. */
export function acceptChangedNext(runId: string): string {
  return [
    `traceload resume ${runId} --accept-changed-source    goes on by the rows' IDs`,
    "or import the file as a new run: rows that were added are not sent again",
  ].join("\n");
}
