/** The bytes of a source: a file or standard input, unpacked if compressed, refused if of a kind that is not read. */
import { open } from "node:fs/promises";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { TraceloadError } from "../core/errors.ts";
import { SIGNATURE_BYTES, compressionOf, refuseBinary, type Compression } from "./signatures.ts";
import { unpackZstd } from "./zstd.ts";

/** Small, so that what is made of one piece dies young: four times as much doubled the process's resident memory. */
const CHUNK_BYTES = 32 * 1024;
/** Asking the system takes as long as making rows of one piece. */
const READ_BYTES = 4 * CHUNK_BYTES;

export interface SourceBytes {
  chunks: AsyncIterable<Buffer>;
  compression: Compression;
}

function unreadable(source: string, cause: unknown): TraceloadError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TraceloadError("source_unreadable", `${source} cannot be read: ${reason}`, { cause });
}

/** Closes the file when the reader is done, returns early or the signal aborts. */
export async function* fileChunks(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const file = await open(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    for (;;) {
      signal.throwIfAborted();
      const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES).catch((error: unknown) => {
        throw unreadable(path, error);
      });
      if (bytesRead === 0) return;
      for (let from = 0; from < bytesRead; from += CHUNK_BYTES) {
        yield buffer.subarray(from, Math.min(bytesRead, from + CHUNK_BYTES));
      }
    }
  } finally {
    await file.close();
  }
}

/** A pending read ends as soon as the signal aborts. The stream is destroyed when the reader stops before its end. */
export async function* streamChunks(
  stream: Readable,
  source: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const stop = (): void => {
    stream.destroy();
  };
  signal.throwIfAborted();
  signal.addEventListener("abort", stop, { once: true });
  try {
    for await (const chunk of stream) yield Buffer.from(chunk as Uint8Array);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof TraceloadError ? error : unreadable(source, error);
  } finally {
    signal.removeEventListener("abort", stop);
  }
  signal.throwIfAborted();
}

async function* unpackGzip(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const packed = Readable.from(chunks, { objectMode: false });
  const engine = createGunzip({ chunkSize: CHUNK_BYTES });
  packed.on("error", (error) => engine.destroy(error));
  try {
    for await (const part of packed.pipe(engine)) yield part as Buffer;
  } finally {
    packed.destroy();
  }
}

function damaged(source: string, compression: string, cause: unknown): unknown {
  if (cause instanceof TraceloadError || !(cause instanceof Error) || cause.name === "AbortError")
    return cause;
  const cut = cause.message === "unexpected end of file";
  return new TraceloadError(
    "source_format",
    cut
      ? `${source} is a ${compression} file that was cut off: its end is missing`
      : `${source} is a damaged ${compression} file: ${cause.message}`,
    { cause, next: "Fetch or export the file again. Rows before the damage were read." },
  );
}

async function* namingDamage(
  chunks: AsyncIterable<Buffer>,
  source: string,
  compression: string,
): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } catch (error) {
    throw damaged(source, compression, error);
  }
}

/** Collects the first bytes, then gives them back together with the rest. A fault comes behind the bytes before it. */
export async function withHead(
  chunks: AsyncIterable<Buffer>,
  bytes: number,
): Promise<{ head: Buffer; all: AsyncGenerator<Buffer> }> {
  const iterator = chunks[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  let done = false;
  let fault: { error: unknown } | undefined;
  while (head.length < bytes && !done) {
    try {
      const next = await iterator.next();
      if (next.done === true) done = true;
      else head = Buffer.concat([head, next.value]);
    } catch (error) {
      if (head.length === 0) throw error;
      fault = { error };
      done = true;
    }
  }
  async function* all(): AsyncGenerator<Buffer> {
    try {
      if (head.length > 0) yield head;
      if (fault !== undefined) throw fault.error;
      if (!done) yield* { [Symbol.asyncIterator]: () => iterator };
    } finally {
      await iterator.return?.();
    }
  }
  return { head, all: all() };
}

/** The source's bytes as text encodes them: known compressions taken off, known binary formats refused. */
export async function unpack(raw: AsyncIterable<Buffer>, source: string): Promise<SourceBytes> {
  const packed = await withHead(raw, SIGNATURE_BYTES);
  const compression = compressionOf(packed.head);
  if (compression === undefined) {
    refuseBinary(packed.head, source);
    return { chunks: packed.all, compression };
  }
  const unpacked = compression === "gzip" ? unpackGzip(packed.all) : unpackZstd(packed.all);
  const plain = await withHead(namingDamage(unpacked, source, compression), SIGNATURE_BYTES);
  if (compressionOf(plain.head) !== undefined) {
    throw new TraceloadError("source_format", `${source} is compressed twice`, {
      next: `Unpack it once: ${compression} -dc ${source} | traceload import -`,
    });
  }
  refuseBinary(plain.head, source);
  return { chunks: plain.all, compression };
}
