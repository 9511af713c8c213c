/** An import without its sending: what is read, what is wrong with it, and what would be sent. */
import type { OpenedSources } from "../core/source.ts";
import type { NewRow, Store } from "../core/store.ts";
import { addedBefore } from "./forced-rows.ts";
import { markKnown, newRow, requireGroups } from "./producer.ts";

export interface DryRunParts {
  sources: OpenedSources;
  origin: string;
  /** Undefined: nothing is known before. */
  store: Pick<Store, "lookup"> | undefined;
  /** Whether rows that were added before would be sent again. */
  force: boolean;
  /** Tells which rows are the first of their kind. */
  notes: RowNotes;
  /** Keeps the rows until that is known. */
  kept: KeptRows;
}

/** Valid rows by their place among all of them, from 0. */
export interface RowNotes {
  add(traceId: string, spanId: string): void;
  finish(): Record<"firstOfTrace" | "firstOfSpan", { has(place: number): boolean }>;
}

export interface KeptRows {
  write(rows: readonly NewRow[]): Promise<void>;
  read(): AsyncIterable<NewRow[]>;
}

export interface ExampleCount {
  code: string;
  count: number;
  /** The first of its kind. */
  example: { line: number; message: string };
}

/** What would become of one source's rows. Traces and spans count once, in the source that has them first. */
export interface PlannedRows {
  rows: number;
  /** Would be sent: one request each, if all goes well. */
  planned: number;
  /** The ledger says that they were added, or that it is not known whether they were. */
  known: number;
  held: number;
  /** Name what an earlier row of the sources names. */
  repeated: number;
  invalid: ExampleCount[];
  traces: number;
  spans: number;
}

export interface DryRun {
  /** By the sources' index. */
  sources: PlannedRows[];
  /** The rows as an import would store them; those `queued` would be sent. May be read several times. */
  rows(): AsyncIterable<NewRow[]>;
}

/** Reads the sources once. Rejects with what they throw. */
export async function dryRun(parts: DryRunParts, signal: AbortSignal): Promise<DryRun> {
  const { sources, origin, store, force, notes, kept } = parts;
  let read = 0;
  for await (const batch of sources.rows(signal)) {
    if (read === 0) requireGroups(batch);
    const rows = batch.map((sourceRow, index) => newRow(origin, sourceRow, read + 1 + index));
    if (store !== undefined) await markKnown(store, rows, force ? addedBefore(undefined) : undefined);
    for (const row of rows) if (row.key !== undefined) notes.add(traceKey(row), row.spanId);
    await kept.write(rows);
    read += rows.length;
  }
  const first = notes.finish();
  const counted = sources.names.map(noRows);
  let place = 0;
  for await (const rows of kept.read()) {
    for (const row of rows) {
      const own = row.key === undefined ? undefined : place++;
      const isNew = own !== undefined && first.firstOfSpan.has(own);
      count((counted[row.source] ??= noRows()), row, {
        isNew,
        isNewTrace: own !== undefined && first.firstOfTrace.has(own),
      });
    }
  }
  return { sources: counted, rows: () => markRepeated(kept.read(), first.firstOfSpan) };
}

/** A row that an earlier one of the same import names is a duplicate when its turn comes. */
async function* markRepeated(
  batches: AsyncIterable<NewRow[]>,
  first: { has(place: number): boolean },
): AsyncGenerator<NewRow[], void, undefined> {
  let place = 0;
  for await (const rows of batches) {
    for (const row of rows) {
      if (row.key !== undefined && !first.has(place++) && row.status === "queued") row.status = "duplicate";
    }
    yield rows;
  }
}

function traceKey({ datasetGroupId, traceId }: NewRow): string {
  return `${datasetGroupId}:${traceId}`;
}

function noRows(): PlannedRows {
  return { rows: 0, planned: 0, known: 0, held: 0, repeated: 0, invalid: [], traces: 0, spans: 0 };
}

function count(
  counted: PlannedRows,
  row: NewRow,
  { isNew, isNewTrace }: { isNew: boolean; isNewTrace: boolean },
): void {
  counted.rows += 1;
  if (isNewTrace) counted.traces += 1;
  if (isNew && row.spanId !== "") counted.spans += 1;
  switch (row.status) {
    case "queued":
      counted[isNew ? "planned" : "repeated"] += 1;
      break;
    case "duplicate":
      counted.known += 1;
      break;
    case "unknown":
      counted.held += 1;
      break;
    case "invalid":
      countInvalid(counted.invalid, row);
      break;
    default:
      row.status satisfies never;
  }
}

function countInvalid(invalid: ExampleCount[], { errorCode = "invalid", error = "", line }: NewRow): void {
  const known = invalid.find(({ code }) => code === errorCode);
  if (known !== undefined) known.count += 1;
  else invalid.push({ code: errorCode, count: 1, example: { line, message: error } });
}
