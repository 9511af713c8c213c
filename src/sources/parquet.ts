/**
 * Parquet files whose rows are spans, traces or log records: tables with typed columns. Their index stands at the end,
 * so they are read from files by their name alone.
 */
import { once } from "node:events";
import { open, stat } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { TraceloadError, type ErrorCode } from "../core/errors.ts";
import { parquetFormat } from "./formats/parquet.ts";
import { damaged, type ParquetFile } from "./parquet-records.ts";
import type { SourceRecord } from "./record.ts";
import type { SourceText } from "./source-text.ts";

export interface ParquetOptions extends ParquetFile {
  /** What messages call it; its path unless told. */
  name?: string;
  onBytes: (bytes: number) => void;
  /** How long reading one piece may take. */
  pieceMs?: number;
}

/** What the thread answers each time it is asked to go on. */
export type ThreadAnswer =
  | { kind: "records"; records: SourceRecord[]; bytes: number }
  | { kind: "end" }
  | { kind: "fault"; code: ErrorCode; message: string; next: string | undefined };

/** What every such file begins with. */
export const PARQUET_MAGIC = "PAR1";
/** A row group of millions of rows takes seconds; bytes that are damaged may be decoded for ever. */
const PIECE_MS = 120_000;

/** Whether a regular file of that name begins as Parquet does. What cannot be opened is none. */
export async function isParquetFile(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  if (stats?.isFile() !== true) return false;
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return false;
  try {
    const { bytesRead, buffer } = await file.read(
      Buffer.alloc(PARQUET_MAGIC.length),
      0,
      PARQUET_MAGIC.length,
      0,
    );
    return buffer.toString("latin1", 0, bytesRead) === PARQUET_MAGIC;
  } catch {
    return false;
  } finally {
    await file.close();
  }
}

/** The file as a source; it is opened when its records are read, and closed behind them. */
export function parquetSource(options: ParquetOptions, signal: AbortSignal): SourceText {
  return {
    name: options.name ?? options.path,
    reason: "it begins as Parquet does",
    format: { ...parquetFormat, records: () => recordsByThread(options, signal) },
    text: emptyText(),
    close: () => Promise.resolve(),
  };
}

async function* emptyText(): AsyncGenerator<string> {}

/**
 * Decoding does not give way, and of damaged bytes may never end: it happens in a thread, which can be ended. Throws
 * `source_format` and `source_unreadable`.
 */
async function* recordsByThread(
  { path, name = path, chosen, onBytes, pieceMs = PIECE_MS }: ParquetOptions,
  signal: AbortSignal,
): AsyncGenerator<SourceRecord[]> {
  signal.throwIfAborted();
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const file: ParquetFile = { path, chosen };
  const thread = new Worker(new URL(`parquet-thread.${extension}`, import.meta.url), {
    workerData: file,
    // A page's values die young: without it, a quarter more memory is resident.
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
  });
  try {
    for (;;) {
      const late = AbortSignal.timeout(pieceMs);
      const answered = once(thread, "message", { signal: AbortSignal.any([signal, late]) });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
      thread.postMessage("next");
      const [answer] = (await answered.catch((error: unknown) => {
        signal.throwIfAborted();
        throw damaged(name, late.aborted ? "what it holds cannot be decoded in time" : error);
      })) as [ThreadAnswer];
      switch (answer.kind) {
        case "records":
          onBytes(answer.bytes);
          yield answer.records;
          break;
        case "end":
          return;
        case "fault": {
          const { code, message, next } = answer;
          throw new TraceloadError(
            code,
            message.replaceAll(path, () => name),
            next === undefined ? {} : { next },
          );
        }
        default:
          answer satisfies never;
      }
    }
  } finally {
    await thread.terminate();
  }
}
