/**
 * Tempo's blocks (vParquet2 and later): a row is a trace, its spans stand in lists of lists. Only the IDs are read.
 */
import { parquetReadObjects, type AsyncBuffer, type Compressors, type FileMetaData } from "hyparquet";
import { withColumns } from "./parquet-columns.ts";
import { slicesOf } from "./parquet-slices.ts";
import type { SourceRecord } from "./record.ts";

const BATCH_RECORDS = 1000;
const TRACE = "TraceID";
const SPAN = "SpanID";
const PARENT = "ParentSpanID";
/** Resources' spans. */
const RESOURCES = "rs";

function isId(path: readonly string[]): boolean {
  const name = path.at(-1);
  return path.length === 1 ? name === TRACE : path[0] === RESOURCES && (name === SPAN || name === PARENT);
}

/** Whether the file's columns are a block's. */
export function isTempoBlock(metadata: FileMetaData): boolean {
  const names = new Set(withColumns(metadata, isId).schema.map(({ name }) => name));
  return [TRACE, RESOURCES, SPAN].every((name) => names.has(name));
}

export async function* tempoRecords(
  file: AsyncBuffer,
  metadata: FileMetaData,
  compressors: Compressors,
): AsyncGenerator<SourceRecord[]> {
  const ids = withColumns(metadata, isId);
  for (const { from, to } of slicesOf(ids)) {
    const rows = await parquetReadObjects({
      file,
      metadata: ids,
      rowStart: from,
      rowEnd: to,
      useOffsetIndex: true,
      compressors,
      utf8: false,
      geoparquet: false,
    });
    let records: SourceRecord[] = [];
    for (const [index, row] of rows.entries()) {
      for (const record of traceRecords(row, from + index + 1)) records.push(record);
      if (records.length < BATCH_RECORDS) continue;
      yield records;
      records = [];
    }
    if (records.length > 0) yield records;
  }
}

function traceRecords(row: Record<string, unknown>, line: number): SourceRecord[] {
  const traceId = hexOf(row[TRACE]);
  const spans = [...spansIn(row[RESOURCES])];
  if (spans.length === 0) return [{ kind: "span", line, traceId, value: { [TRACE]: traceId } }];
  return spans.map((span) => {
    const spanId = hexOf(span[SPAN]);
    const value = { [TRACE]: traceId, [SPAN]: spanId };
    return { kind: "span", line, traceId, spanId, isRoot: /^0*$/.test(hexOf(span[PARENT])), value };
  });
}

/** However lists and groups are put into one another, which differs between versions. */
function* spansIn(value: unknown): Generator<Record<string, unknown>> {
  if (Array.isArray(value)) {
    for (const one of value) yield* spansIn(one);
  } else if (isGroup(value)) {
    if (SPAN in value) yield value;
    else for (const one of Object.values(value)) yield* spansIn(one);
  }
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array);
}

/** IDs are bytes here, and nothing else. */
function hexOf(value: unknown): string {
  if (!(value instanceof Uint8Array)) return "";
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString("hex");
}
