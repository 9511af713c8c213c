/** Ledger exports on disk and in pipes: written whole or not at all, read as often as it takes. */
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, open, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { TraceloadError } from "../core/errors.ts";
import type { LedgerFile } from "../wire/ledger.ts";

export const STREAM = "-";

/**
 * Writes the chunks under another name beside the file and moves that into place, so that the file is never half
 * there. Answers what the generator answers. Throws `report_unwritable`; what the chunks throw passes through. Either
 * way an earlier file stays as it was.
 */
export async function writeWholeFile<T>(
  file: string,
  chunks: AsyncGenerator<string, T, undefined>,
): Promise<T> {
  const partial = path.join(path.dirname(file), `.partial-${process.pid}-${path.basename(file)}`);
  const handle = await writing(file, () => open(partial, "wx"));
  try {
    let result: T;
    try {
      result = await eachChunk(chunks, (text) => writing(file, () => handle.writeFile(text)));
      await writing(file, () => handle.sync());
    } finally {
      await handle.close();
    }
    await writing(file, () => rename(partial, file));
    return result;
  } finally {
    await rm(partial, { force: true });
  }
}

/** Writes the chunks to a stream no faster than it takes them. Answers what the generator answers. */
export function writeToStream<T>(
  stream: NodeJS.WritableStream,
  chunks: AsyncGenerator<string, T, undefined>,
): Promise<T> {
  return eachChunk(chunks, (text) => new Promise<void>((taken) => stream.write(text, () => taken())));
}

async function eachChunk<T>(
  chunks: AsyncGenerator<string, T, undefined>,
  write: (text: string) => Promise<void>,
): Promise<T> {
  for (;;) {
    const next = await chunks.next();
    if (next.done === true) return next.value;
    await write(next.value);
  }
}

export interface OpenedLedgerFile {
  file: LedgerFile;
  close(): Promise<void>;
}

/**
 * A file, or `-` for standard input: that is kept in a temporary file first, since it is read twice. Throws
 * `source_not_found` or `source_unreadable`.
 */
export async function openLedgerFile(
  name: string,
  stdin: Readable,
  signal: AbortSignal,
): Promise<OpenedLedgerFile> {
  if (name !== STREAM) {
    return { file: { name, chunks: () => readChunks(name, name) }, close: async () => undefined };
  }
  const shown = "standard input";
  const directory = await mkdtemp(path.join(tmpdir(), "traceload-ledger-"));
  const close = () => rm(directory, { recursive: true, force: true });
  const kept = path.join(directory, "ledger.ndjson");
  try {
    await pipeline(stdin, createWriteStream(kept, { mode: 0o600 }), { signal });
  } catch (error) {
    await close();
    signal.throwIfAborted();
    throw unreadable(`standard input cannot be kept in ${directory}`, error);
  }
  return { file: { name: shown, chunks: () => readChunks(kept, shown) }, close };
}

async function* readChunks(file: string, shown: string): AsyncGenerator<string, void, undefined> {
  const stream = createReadStream(file, { encoding: "utf8" });
  const chunks: AsyncIterator<unknown> = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await chunks.next().catch((error: unknown) => {
        throw unreadable(`${shown} cannot be read`, error);
      });
      if (next.done === true) return;
      yield String(next.value);
    }
  } finally {
    stream.destroy();
  }
}

function unreadable(what: string, cause: unknown): TraceloadError {
  const isMissing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TraceloadError(isMissing ? "source_not_found" : "source_unreadable", `${what}: ${reason}`, {
    cause,
  });
}

async function writing<T>(file: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TraceloadError("report_unwritable", `the ledger cannot be written to ${file}: ${reason}`, {
      next: "name a file that can be written, or - for standard output",
      cause,
    });
  }
}
