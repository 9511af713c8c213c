/** Ledger exports on disk and in pipes: written whole or not at all, read as often as it takes. */
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, open, realpath, rename, rm, stat } from "node:fs/promises";
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
 * way an earlier file stays as it was. What is no file (a pipe, a device) is written to as it is.
 */
export async function writeWholeFile<T>(
  file: string,
  chunks: AsyncGenerator<string, T, undefined>,
): Promise<T> {
  const there = await stat(file).catch(() => undefined);
  if (there !== undefined && !there.isFile() && !there.isDirectory()) return writeInto(file, file, chunks);
  // Through a link to the file that it stands for.
  const target = there === undefined ? file : await realpath(file);
  const partial = path.join(path.dirname(target), `.partial-${process.pid}-${path.basename(target)}`);
  try {
    const result = await writeInto(partial, file, chunks);
    await writing(file, () => rename(partial, target));
    return result;
  } finally {
    await rm(partial, { force: true });
  }
}

async function writeInto<T>(
  place: string,
  shown: string,
  chunks: AsyncGenerator<string, T, undefined>,
): Promise<T> {
  const handle = await writing(shown, () => open(place, place === shown ? "w" : "wx"));
  try {
    const result = await eachChunk(chunks, (text) => writing(shown, () => handle.writeFile(text)));
    if (place !== shown) await writing(shown, () => handle.sync());
    return result;
  } finally {
    await handle.close();
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
 * A file, or `-` for standard input. That, and what else can be read once only (a pipe), is kept in a temporary file
 * first, since it is read twice. Throws `source_not_found` or `source_unreadable`.
 */
export async function openLedgerFile(
  name: string,
  stdin: Readable,
  signal: AbortSignal,
): Promise<OpenedLedgerFile> {
  if (name === STREAM) return keep(stdin, "standard input", signal);
  const there = await stat(name).catch(() => undefined);
  if (there?.isFIFO() === true) return keep(createReadStream(name), name, signal);
  return { file: { name, chunks: () => readChunks(name, name) }, close: async () => undefined };
}

async function keep(stream: Readable, name: string, signal: AbortSignal): Promise<OpenedLedgerFile> {
  const directory = await mkdtemp(path.join(tmpdir(), "traceload-ledger-"));
  const close = () => rm(directory, { recursive: true, force: true });
  const kept = path.join(directory, "ledger.ndjson");
  try {
    await pipeline(stream, createWriteStream(kept, { mode: 0o600 }), { signal });
  } catch (error) {
    await close();
    signal.throwIfAborted();
    throw unreadable(`${name} cannot be kept in ${directory}`, error);
  }
  return { file: { name, chunks: () => readChunks(kept, name) }, close };
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
