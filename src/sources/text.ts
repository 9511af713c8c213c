/** Bytes to text: UTF-8 strictly, UTF-16 where a byte order mark or its NUL pattern shows it; never guesses a code page. */
import { isUtf8 } from "node:buffer";
import { TraceloadError } from "../core/errors.ts";
import { withHead, type SourceBytes } from "./bytes.ts";

type Encoding = { name: "utf-8" | "utf-16le" | "utf-16be"; markBytes: number };

/** Without a mark, UTF-16 of mostly Latin text has a NUL in every second byte. */
function encodingOf(head: Buffer): Encoding {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return { name: "utf-8", markBytes: 3 };
  if (head[0] === 0xff && head[1] === 0xfe) return { name: "utf-16le", markBytes: 2 };
  if (head[0] === 0xfe && head[1] === 0xff) return { name: "utf-16be", markBytes: 2 };
  const pairs = Math.min(head.length, 128) >>> 1;
  let evenNuls = 0;
  let oddNuls = 0;
  for (let index = 0; index < pairs * 2; index += 2) {
    if (head[index] === 0) evenNuls += 1;
    if (head[index + 1] === 0) oddNuls += 1;
  }
  if (pairs >= 2 && oddNuls >= pairs * 0.8 && evenNuls === 0) return { name: "utf-16le", markBytes: 0 };
  if (pairs >= 2 && evenNuls >= pairs * 0.8 && oddNuls === 0) return { name: "utf-16be", markBytes: 0 };
  return { name: "utf-8", markBytes: 0 };
}

/** How many bytes at the end begin a character that is not complete yet: 0 to 3. */
function incompleteTail(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

/** Index of the first byte that cannot be UTF-8, in bytes that hold one. */
function firstBadByte(bytes: Buffer): number {
  let low = 0;
  let high = bytes.length;
  // A prefix is good while its complete characters are; goodness is monotonic, so halving finds the edge.
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    const prefix = bytes.subarray(0, middle);
    if (isUtf8(prefix.subarray(0, middle - incompleteTail(prefix)))) low = middle;
    else high = middle - 1;
  }
  const prefix = bytes.subarray(0, low);
  return low - incompleteTail(prefix);
}

function notUtf8(source: string, offset: number, packed: boolean): TraceloadError {
  const where = packed ? "of its unpacked text" : "of the file";
  return new TraceloadError(
    "source_format",
    `${source} is not UTF-8 text: byte ${offset} ${where} breaks it`,
    {
      next: `If it comes from a Windows program: iconv -f WINDOWS-1252 -t UTF-8 ${source} | traceload import -`,
    },
  );
}

async function* decodeUtf8(
  chunks: AsyncIterable<Buffer>,
  start: number,
  fail: (offset: number) => TraceloadError,
): AsyncGenerator<string> {
  let offset = start;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole = bytes.subarray(0, bytes.length - incompleteTail(bytes));
    if (!isUtf8(whole)) {
      const bad = firstBadByte(whole);
      if (bad > 0) yield whole.toString("utf8", 0, bad);
      throw fail(offset + bad);
    }
    offset += whole.length;
    rest = bytes.subarray(whole.length);
    if (whole.length > 0) yield whole.toString("utf8");
  }
  if (rest.length > 0) throw fail(offset);
}

async function* decodeUtf16(
  chunks: AsyncIterable<Buffer>,
  encoding: "utf-16le" | "utf-16be",
  source: string,
): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
  try {
    for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new TraceloadError("source_format", `${source} is broken UTF-16 text`, {
      cause: error,
      next: "Export the file again as UTF-8.",
    });
  }
}

async function* withoutMark(chunks: AsyncIterable<Buffer>, markBytes: number): AsyncGenerator<Buffer> {
  let left = markBytes;
  for await (const chunk of chunks) {
    const skipped = Math.min(left, chunk.length);
    left -= skipped;
    if (chunk.length > skipped) yield chunk.subarray(skipped);
  }
}

/** Throws `source_format`, naming the byte, where the text breaks; what comes before it is yielded first. */
export async function* decodeText(bytes: SourceBytes, source: string): AsyncGenerator<string> {
  const { head, all } = await withHead(bytes.chunks, 128);
  const { name, markBytes } = encodingOf(head);
  const body = withoutMark(all, markBytes);
  if (name === "utf-8") {
    const packed = bytes.compression !== undefined;
    yield* decodeUtf8(body, markBytes, (offset) => notUtf8(source, offset, packed));
  } else {
    yield* decodeUtf16(body, name, source);
  }
}
