/** Rows of a run that did not make it, as the rows of a new run: which they are, and how they are handed over. */
import type { Clock } from "../core/clock.ts";
import { groupKey } from "../core/row.ts";
import type { OpenedSources, SourceRow } from "../core/source.ts";
import type { Run, Store, StoredRow } from "../core/store.ts";
import { storedRowKey } from "./feed.ts";
import type { GroupLocks } from "./group-locks.ts";
import type { RerunSelection } from "./reading-options.ts";
import { rowPages } from "./row-pages.ts";
import { forgetUnknown, msUntilOver } from "./verify/resend.ts";

export interface RerunParts {
  store: Store;
  clock: Clock;
  locks: GroupLocks;
  /** Told how long earlier requests of unknown rows are waited for. */
  onWait?: ((ms: number) => void) | undefined;
}

export interface RerunRequest {
  parent: Run;
  selection: RerunSelection;
  /** Rows that the report names; undefined: any. */
  reported: ReadonlySet<number> | undefined;
  /** The new run, once it is there. What it has added itself is selected still. */
  ownSeq: number | undefined;
}

/**
 * The selected rows in row order, a page at a time. Rows that the ledger calls added are not among them: somebody has
 * added them meanwhile.
 */
export async function* selectRows(
  store: Pick<Store, "readRows" | "lookup">,
  { parent, selection, reported, ownSeq }: RerunRequest,
): AsyncGenerator<StoredRow[], void, undefined> {
  const { statuses, code, match, limit } = selection;
  const sought = match?.toLowerCase();
  let left = limit ?? Number.POSITIVE_INFINITY;
  for await (const page of rowPages(store, parent.runId, statuses)) {
    const wanted = page.filter(
      (row) =>
        (reported === undefined || reported.has(row.row)) &&
        (code === undefined || row.errorCode === code) &&
        (sought === undefined || (row.error ?? "").toLowerCase().includes(sought)),
    );
    const rows = (await notAdded(store, parent, wanted, ownSeq)).slice(0, left);
    left -= rows.length;
    if (rows.length > 0) yield rows;
    if (left <= 0) return;
  }
}

async function notAdded(
  store: Pick<Store, "lookup">,
  parent: Run,
  rows: StoredRow[],
  ownSeq: number | undefined,
): Promise<StoredRow[]> {
  const keys = new Set(rows.map((row) => storedRowKey(parent.origin, row)));
  if (keys.size === 0) return [];
  const added = new Set(
    (await store.lookup([...keys]))
      .filter(({ state, runSeq }) => state === "added" && runSeq !== ownSeq)
      .map(({ key }) => key),
  );
  return rows.filter((row) => !added.has(storedRowKey(parent.origin, row)));
}

/**
 * The selected rows as sources of the new run: names, lines and numbers are the parent's. Rows that are unknown are
 * released from the ledger as they are read, once their earlier requests can be applied no more: that is the person's
 * choice, and may add them twice.
 */
export function rowsOfRun(parts: RerunParts, request: RerunRequest): OpenedSources {
  const { store } = parts;
  const { parent } = request;
  return {
    names: parent.sources,
    facts: [],
    plan: async () => [],
    seen: () => [],
    readShare: () => undefined,
    async *rows(signal) {
      for await (const rows of selectRows(store, request)) {
        signal.throwIfAborted();
        const held = rows.filter(({ status }) => status === "unknown");
        await release(parts, parent.origin, held, signal);
        yield rows.map(sourceRow);
        // The new run holds them now: the parent's result follows the ledger, in which they are not unknown any more.
        const places = held.map((row) => ({ row: row.row, key: storedRowKey(parent.origin, row) }));
        if (places.length > 0) await store.reconcile(parent.runId, places);
      }
    },
  };
}

function sourceRow({ row, source, line, datasetGroupId, traceId, spanId }: StoredRow): SourceRow {
  return { row, source, line, datasetGroupId, traceId, spanId, invalid: undefined };
}

async function release(
  { store, clock, locks, onWait }: RerunParts,
  origin: string,
  rows: readonly StoredRow[],
  signal: AbortSignal,
): Promise<void> {
  for (const [datasetGroupId, members] of Map.groupBy(rows, (row) => Number(row.datasetGroupId))) {
    const keys = [...new Set(members.map((row) => storedRowKey(origin, row)))];
    const openMs = await msUntilOver(store, keys);
    if (openMs > 0) {
      onWait?.(openMs);
      await clock.sleep(openMs, signal);
    }
    await forgetUnknown({ store, clock, locks }, groupKey(origin, datasetGroupId), keys, signal);
  }
}
