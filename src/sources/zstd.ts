/**
 * Zstandard files of any number of frames. Node's decompressor ends silently after the first frame, and drops a second
 * one that is cut off, so the frames are told apart here by their headers (RFC 8878 section 3.1.1) and unpacked one by
 * one.
 */
import { Readable } from "node:stream";
import { createZstdDecompress } from "node:zlib";
import { isSkippableZstdFrame } from "./signatures.ts";

const FRAME_MAGIC = 0xfd2fb528;

/** Reads exactly as many bytes as asked for from a stream of chunks. */
class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterator<Buffer>) {
    this.#chunks = chunks;
  }

  /** At most `count` bytes, at least one; undefined at the end. */
  async some(count: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return undefined;
      this.#rest = next.value;
    }
    const taken = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(taken.length);
    return taken;
  }

  /** `count` bytes; fewer only at the end. */
  async exactly(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let missing = count;
    while (missing > 0) {
      const part = await this.some(missing);
      if (part === undefined) break;
      parts.push(part);
      missing -= part.length;
    }
    return Buffer.concat(parts);
  }
}

async function* passOn(reader: ByteReader, count: number): AsyncGenerator<Buffer> {
  for (let missing = count; missing > 0;) {
    const part = await reader.some(missing);
    if (part === undefined) return;
    missing -= part.length;
    yield part;
  }
}

/** The bytes of one frame whose magic number was read already; ends early where the file does. */
async function* frame(reader: ByteReader, magic: Buffer): AsyncGenerator<Buffer> {
  const descriptor = await reader.exactly(1);
  yield Buffer.concat([magic, descriptor]);
  const flags = descriptor[0];
  if (flags === undefined) return;
  const singleSegment = (flags & 0x20) !== 0;
  const sizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][flags >>> 6] ?? 0;
  const dictionaryBytes = [0, 1, 2, 4][flags & 3] ?? 0;
  yield* passOn(reader, (singleSegment ? 0 : 1) + dictionaryBytes + sizeBytes);
  for (let last = false; !last;) {
    const header = await reader.exactly(3);
    yield header;
    if (header.length < 3) return;
    const value = header.readUIntLE(0, 3);
    last = (value & 1) === 1;
    const runLength = ((value >>> 1) & 3) === 1;
    yield* passOn(reader, runLength ? 1 : value >>> 3);
  }
  if ((flags & 4) !== 0) yield* passOn(reader, 4);
}

/** Throws what the decompressor throws; trailing bytes that are no frame throw, too. */
export async function* unpackZstd(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    const reader = new ByteReader(iterator);
    for (;;) {
      const magic = await reader.exactly(4);
      if (magic.length === 0) return;
      const number = magic.length === 4 ? magic.readUInt32LE(0) : 0;
      if (isSkippableZstdFrame(number)) {
        const length = await reader.exactly(4);
        if (length.length < 4) throw new Error("unexpected end of file");
        // oxlint-disable-next-line no-unused-vars -- read to get past it
        for await (const _ of passOn(reader, length.readUInt32LE(0)));
      } else if (number === FRAME_MAGIC) {
        const engine = createZstdDecompress();
        const compressed = Readable.from(frame(reader, magic), { objectMode: false });
        compressed.on("error", (error) => engine.destroy(error));
        for await (const part of compressed.pipe(engine)) yield part as Buffer;
      } else {
        throw new Error("bytes after the last frame are no zstd frame");
      }
    }
  } finally {
    await iterator.return?.();
  }
}
