/**
 * Tempo's blocks (vParquet2 and later): a row is a trace, its spans stand in lists of lists. Only the IDs are read.
 */
import {
  parquetSchema,
  type ColumnMetaData,
  type FileMetaData,
  type RowGroup,
  type SchemaTree,
} from "hyparquet";
import { ColumnRows, type ParquetPart } from "./parquet-column.ts";
import type { SourceRecord } from "./record.ts";

const BATCH_RECORDS = 1000;
const TRACE = "TraceID";
const SPAN = "SpanID";
const PARENT = "ParentSpanID";
/** Resources' spans. */
const RESOURCES = "rs";

function isTraceId(path: readonly string[]): boolean {
  return path.length === 1 && path[0] === TRACE;
}

function isSpanId(path: readonly string[]): boolean {
  return path[0] === RESOURCES && path.at(-1) === SPAN;
}

/** Whether the file's columns are a block's. */
export function isTempoBlock(metadata: FileMetaData): boolean {
  const paths = [...valuePaths(parquetSchema(metadata))];
  return paths.some(isTraceId) && paths.some(isSpanId);
}

function* valuePaths({ children, path }: SchemaTree): Generator<readonly string[]> {
  if (children.length === 0) yield path;
  for (const child of children) yield* valuePaths(child);
}

export async function* tempoRecords(part: ParquetPart): AsyncGenerator<SourceRecord[]> {
  let line = 0;
  let records: SourceRecord[] = [];
  for (const group of part.metadata.row_groups) {
    const columns = idColumns(group);
    const traces = new ColumnRows(part, columns.trace);
    const spans = new ColumnRows(part, columns.span);
    const parents = columns.parent === undefined ? undefined : new ColumnRows(part, columns.parent);
    for (let left = Number(group.num_rows); left > 0; left -= 1) {
      line += 1;
      const [traceId = ""] = idsIn(await traces.next());
      const spanIds = idsIn(await spans.next());
      const parentIds = idsIn(await parents?.next());
      for (const record of traceRecords(line, { traceId, spanIds, parentIds })) records.push(record);
      if (records.length < BATCH_RECORDS) continue;
      yield records;
      records = [];
    }
  }
  if (records.length > 0) yield records;
}

function idColumns({ columns }: RowGroup): Record<"trace" | "span", ColumnMetaData> & {
  parent: ColumnMetaData | undefined;
} {
  const all = columns.flatMap(({ meta_data: about }) => about ?? []);
  const trace = all.find(({ path_in_schema: path }) => isTraceId(path));
  // Links have SpanIDs, too, deeper down.
  const [span] = all
    .filter(({ path_in_schema: path }) => isSpanId(path))
    .toSorted((one, other) => one.path_in_schema.length - other.path_in_schema.length);
  if (trace === undefined || span === undefined) throw new Error("a row group lacks the IDs");
  const beside = [...span.path_in_schema.slice(0, -1), PARENT].join();
  return { trace, span, parent: all.find(({ path_in_schema: path }) => path.join() === beside) };
}

interface Trace {
  traceId: string;
  spanIds: string[];
  /** In the same order; empty where none is written. */
  parentIds: string[];
}

function traceRecords(line: number, { traceId, spanIds, parentIds }: Trace): SourceRecord[] {
  if (spanIds.length === 0) return [{ kind: "span", line, traceId, value: { [TRACE]: traceId } }];
  return spanIds.map((spanId, index) => {
    const value = { [TRACE]: traceId, [SPAN]: spanId };
    return { kind: "span", line, traceId, spanId, isRoot: /^0*$/.test(parentIds[index] ?? ""), value };
  });
}

/** In order, however lists are put into one another, which differs between versions. */
function idsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(idsIn);
  if (value === undefined) return [];
  // IDs are bytes here, and nothing else.
  if (!(value instanceof Uint8Array)) return [""];
  return [Buffer.from(value.buffer, value.byteOffset, value.length).toString("hex")];
}
