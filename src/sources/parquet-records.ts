/** The records of a Parquet file. Only columns that can name a row are read, a part of a row group at a time. */
import { open, type FileHandle } from "node:fs/promises";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import {
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
} from "hyparquet";
import { TraceloadError } from "../core/errors.ts";
import { columnNumber, foldName, namesIdentity } from "./columns.ts";
import { isNoParent } from "./json/export-format.ts";
import { slicesOf } from "./parquet-slices.ts";
import type { SourceRecord } from "./record.ts";
import { isMissing } from "./row-problems.ts";
import { isTempoBlock, tempoRecords } from "./tempo-block.ts";

export interface ParquetFile {
  path: string;
  /** What the user chose as columns: names, or numbers from 1. */
  chosen: readonly string[];
}

const BATCH_ROWS = 1000;
const PARENTS = new Set(["parentspanid", "parentid"]);
const LOG_COLUMNS = new Set(["body", "severitytext", "severitynumber"]);
const OUTSIDE = "log records outside of a trace";

const COMPRESSORS: Compressors = {
  GZIP: (bytes, size) => gunzipSync(bytes, { maxOutputLength: size }),
  ZSTD: (bytes, size) => zstdDecompressSync(bytes, { maxOutputLength: size }),
  BROTLI: (bytes, size) => brotliDecompressSync(bytes, { maxOutputLength: size }),
};

/**
 * Of a table the names of the columns first, then rows by their number from 1; of a block of Tempo's its spans. Throws
 * `source_format` and `source_unreadable`.
 */
export async function* parquetRecords(
  { path, chosen }: ParquetFile,
  onBytes: (bytes: number) => void,
): AsyncGenerator<SourceRecord[]> {
  const handle = await open(path).catch((cause: unknown) => {
    throw new TraceloadError("source_unreadable", `${path} cannot be read: ${reasonOf(cause)}`, { cause });
  });
  try {
    const file = await fileBuffer(handle, path, onBytes);
    const metadata = await parquetMetadataAsync(file, { geoparquet: false });
    yield* isTempoBlock(metadata)
      ? tempoRecords({ file, metadata, compressors: COMPRESSORS })
      : tableRecords(file, metadata, chosen);
  } catch (error) {
    throw error instanceof TraceloadError ? error : damaged(path, error);
  } finally {
    await handle.close();
  }
}

async function* tableRecords(
  file: AsyncBuffer,
  metadata: FileMetaData,
  chosen: readonly string[],
): AsyncGenerator<SourceRecord[]> {
  const names = parquetSchema(metadata).children.map(({ element }) => element.name);
  const columns = readColumns(metadata, chosen);
  const parent = columns.find((name) => PARENTS.has(foldName(name)));
  const holdsLogs = names.some((name) => LOG_COLUMNS.has(foldName(name)));
  yield [{ kind: "cells", line: 0, cells: names, named: true }];
  for (const { from: rowStart, to: rowEnd } of slicesOf(metadata)) {
    const rows = await parquetReadObjects({
      file,
      metadata,
      columns,
      rowStart,
      rowEnd,
      useOffsetIndex: true,
      compressors: COMPRESSORS,
      utf8: false,
      geoparquet: false,
    });
    for (let from = 0; from < rows.length; from += BATCH_ROWS) {
      yield rows.slice(from, from + BATCH_ROWS).map((row, index): SourceRecord => {
        const line = rowStart + from + index + 1;
        const cells = names.map((name) => cellText(row[name]));
        if (holdsLogs && cells.every(isMissing)) return { kind: "passed-over", line, what: OUTSIDE };
        if (parent === undefined) return { kind: "cells", line, cells };
        return { kind: "cells", line, cells, isRoot: isNoParent(cellText(row[parent])) };
      });
    }
  }
}

/** Columns that hold values themselves, and can name a row or its parent. */
function readColumns(metadata: FileMetaData, chosen: readonly string[]): string[] {
  const folded = new Set(chosen.map(foldName));
  return parquetSchema(metadata).children.flatMap(({ children, element: { name } }, index) => {
    const isChosen = folded.has(foldName(name)) || chosen.some((one) => columnNumber(one) === index + 1);
    const isKnown = namesIdentity(name) || PARENTS.has(foldName(name));
    return children.length === 0 && (isChosen || isKnown) ? [name] : [];
  });
}

function cellText(value: unknown): string {
  if (value instanceof Uint8Array)
    return bytesText(Buffer.from(value.buffer, value.byteOffset, value.length));
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "bigint" ? String(value) : "";
}

/** Bytes of an ID become hex; some writers have texts as bytes, and do not say so. */
function bytesText(bytes: Buffer): string {
  const text = bytes.toString("latin1");
  const isText = bytes.length === 16 ? /^[0-9a-f]{16}$/i : /^[\u0021-\u007e]*$/;
  return bytes.length !== 8 && isText.test(text) ? text : bytes.toString("hex");
}

async function fileBuffer(
  handle: FileHandle,
  path: string,
  onBytes: (bytes: number) => void,
): Promise<AsyncBuffer> {
  const { size } = await handle.stat();
  return {
    byteLength: size,
    async slice(start, end = size) {
      const bytes = new ArrayBuffer(end - start);
      for (let at = 0; at < bytes.byteLength;) {
        const { bytesRead } = await handle.read(new Uint8Array(bytes), at, bytes.byteLength - at, start + at);
        if (bytesRead === 0) throw damaged(path, "it ends before its index says so");
        at += bytesRead;
      }
      onBytes(bytes.byteLength);
      return bytes;
    },
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function damaged(path: string, cause: unknown): TraceloadError {
  return new TraceloadError(
    "source_format",
    `${path} is a Parquet file that cannot be read: ${reasonOf(cause)}`,
    {
      next: `Fetch or write it again, or try another reader: duckdb -csv -c "select trace_id, span_id from '${path}'" | traceload import -`,
      cause,
    },
  );
}
