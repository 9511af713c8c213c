/** Reads the sources into a run: rows are numbered, keyed, looked up in the ledger, stored, and enqueued. */
import type { Clock } from "../core/clock.ts";
import type { RowJob, RunQueue } from "../core/queue.ts";
import { TraceloadError } from "../core/errors.ts";
import { rowKey, rowOfTexts, type Row, type RowKey, type RowTexts } from "../core/row.ts";
import type { OpenedSources, SourceRow } from "../core/source.ts";
import type { LedgerEntry, NewRow, Store } from "../core/store.ts";

export interface ProducerOptions {
  store: Pick<Store, "lookup" | "putRows">;
  queue: Pick<RunQueue, "enqueue" | "backlog">;
  clock: Clock;
  runId: string;
  origin: string;
  sources: OpenedSources;
  /** Rows waiting in the queue, at most (give or take one batch). */
  highWaterRows: number;
  /** Of a run that is carried on: what it holds already. */
  held?: HeldRows;
  /** Gives rows the result that the ledger knows already. Default: `markKnown`. */
  mark?: (rows: readonly NewRow[]) => Promise<unknown>;
  onFault: (error: unknown) => void;
}

/** Error code of a row that an earlier run left unknown. */
export const HELD = "held";

const POLL_MS = 100;
const RESEND_MS = 500;

/** The rows of a run that was carried on. */
export interface HeldRows {
  /** Those of the rows that the run does not hold yet, with the numbers that they get in it. */
  withoutHeld(rows: NewRow[]): Promise<NewRow[]>;
  /** How many of the rows that were asked about it does hold. */
  passedOver(): number;
}

/**
 * Resolves with the number of rows that were read and that the store holds, when all of every source is stored and
 * enqueued. Rejects with the signal's reason when it aborts, and with the source's fault; the rows before it are in.
 * Calling it anew for the same run and sources changes nothing for rows that are stored already.
 */
export async function produce(options: ProducerOptions, signal: AbortSignal): Promise<number> {
  const { store, queue, clock, runId, origin, highWaterRows, held } = options;
  const mark = options.mark ?? ((rows: readonly NewRow[]) => markKnown(store, rows));
  let read = 0;
  let stored = 0;
  for await (const batch of options.sources.rows(signal)) {
    while ((await retryUntilDone(options, signal, () => queue.backlog())) >= highWaterRows) {
      await clock.sleep(POLL_MS, signal);
    }
    if (read === 0) requireGroups(batch);
    const numbered = batch.map((sourceRow, index) =>
      newRow(origin, sourceRow, sourceRow.row ?? read + 1 + index),
    );
    read += batch.length;
    const rows = held === undefined ? numbered : await held.withoutHeld(numbered);
    if (rows.length === 0) continue;
    // Before they are stored: what is stored is not looked up again when the run is carried on.
    await mark(rows);
    await store.putRows(runId, rows);
    const jobs = rows.filter((row) => row.status === "queued").map((row) => rowJob(row, 0));
    if (jobs.length > 0) await retryUntilDone(options, signal, () => queue.enqueue(jobs));
    stored += rows.length;
    signal.throwIfAborted();
  }
  return stored + (held?.passedOver() ?? 0);
}

/** Throws `source_columns` when no row of the first batch names a group: that is a flag forgotten, not bad rows. */
export function requireGroups(batch: readonly SourceRow[]): void {
  if (batch.length === 0 || batch.some(({ invalid }) => invalid?.code !== "missing_dataset_group")) return;
  throw new TraceloadError(
    "source_columns",
    "no dataset group is named: neither by a flag nor by a column of the file",
    {
      next: "add -g with the dataset group's number (it is in the dataset's URL)",
    },
  );
}

/** The valid row in a source row; undefined when it is invalid. */
export function validRow(row: SourceRow): Row | undefined {
  if (row.invalid !== undefined) return undefined;
  return rowOfTexts(row);
}

export function newRow(origin: string, sourceRow: SourceRow, row: number): NewRow {
  const { source, line, datasetGroupId, traceId, spanId, invalid } = sourceRow;
  const place = { row, source, line, datasetGroupId, traceId, spanId };
  const valid = validRow(sourceRow);
  if (valid !== undefined) return { ...place, key: rowKey(origin, valid), status: "queued" };
  return {
    ...place,
    key: undefined,
    status: "invalid",
    errorCode: invalid?.code ?? "invalid",
    error: invalid?.message ?? "",
  };
}

/**
 * Rows that the ledger calls added or unknown get that result at once, and are not enqueued. Those whose entry `isForced`
 * picks out stay queued, and are answered.
 */
export async function markKnown(
  store: Pick<Store, "lookup">,
  rows: readonly NewRow[],
  isForced: (entry: LedgerEntry) => boolean = () => false,
): Promise<NewRow[]> {
  const keys = [...new Set(rows.flatMap((row) => (row.key === undefined ? [] : [row.key])))];
  if (keys.length === 0) return [];
  const forced: NewRow[] = [];
  const entries = new Map<RowKey, LedgerEntry>();
  for (const entry of await store.lookup(keys)) entries.set(entry.key, entry);
  for (const row of rows) {
    const entry = row.key === undefined ? undefined : entries.get(row.key);
    if (entry !== undefined && isForced(entry)) {
      forced.push(row);
    } else if (entry?.state === "added") {
      row.status = "duplicate";
      if (entry.draftDatasetId !== undefined) row.draftDatasetId = entry.draftDatasetId;
    } else if (entry?.state === "unknown") {
      row.status = "unknown";
      row.errorCode = HELD;
      row.error = "an earlier request for this row has no known outcome; not sent again";
    }
  }
  return forced;
}

export function rowJob(row: RowTexts & { row: number }, generation: number): RowJob {
  return { row: row.row, generation, ...rowOfTexts(row) };
}

/** The queue fails fast while its server is away. Repeating a whole batch is safe: jobs that are there are kept. */
async function retryUntilDone<T>(
  options: Pick<ProducerOptions, "clock" | "onFault">,
  signal: AbortSignal,
  call: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      options.onFault(error);
      await options.clock.sleep(RESEND_MS, signal);
    }
  }
}
