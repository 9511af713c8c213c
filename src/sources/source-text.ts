/** One source as text of a known format: opened, unpacked, decoded, and looked at. */
import type { Readable } from "node:stream";
import { fileChunks, streamChunks, unpack } from "./bytes.ts";
import { chooseFormat } from "./format-choice.ts";
import { sourceHead } from "./head.ts";
import { STDIN } from "./inputs.ts";
import { HEAD_CHARS, type RecordFormat } from "./record.ts";
import { withinLimit } from "./remote/copy.ts";
import type { RemoteSource } from "./remote/open-remote.ts";
import { isParquetFile, PARQUET_MAGIC, parquetSource } from "./parquet.ts";
import { decodeText } from "./text.ts";

export interface SourceText {
  /** What messages call the source. */
  name: string;
  format: RecordFormat;
  /** Why it is that: a sentence's part. */
  reason: string;
  /** All of the text, once. */
  text: AsyncIterable<string>;
  close(): Promise<void>;
}

export interface SourceTextOptions {
  name: string;
  /** As typed after `--format`. */
  format: string;
  /** What `-` stands for. */
  stdin: () => Readable;
  /** The server that is asked, where the name is an address. */
  remote?: RemoteSource | undefined;
  onBytes: (bytes: number) => void;
  /** Columns that the user chose, by name or number. */
  columns: readonly string[];
}

/** Reads the head. Throws `source_unreadable` and `source_format`; nothing is left open then. */
export async function openSourceText(options: SourceTextOptions, signal: AbortSignal): Promise<SourceText> {
  const isStdin = options.name === STDIN;
  const { columns, onBytes, remote } = options;
  if (!isStdin && ["auto", "parquet"].includes(options.format)) {
    const path = await parquetPath(options, signal);
    if (path !== undefined) {
      return parquetSource({ path, name: options.name, chosen: columns, onBytes }, signal);
    }
  }
  const name = isStdin ? "standard input" : options.name;
  const stdin = isStdin ? options.stdin() : undefined;
  const raw =
    remote !== undefined
      ? remote.copy.chunks(signal)
      : stdin === undefined
        ? fileChunks(name, signal)
        : streamChunks(stdin, name, signal);
  const close = async () => {
    // A read that is still pending would hold up the return of the one that waits for it.
    stdin?.destroy();
    remote?.copy.stop();
    await raw.return(undefined);
  };
  try {
    const unpacked = await unpack(counted(raw, onBytes), name);
    const bytes =
      remote === undefined
        ? unpacked
        : { ...unpacked, chunks: withinLimit(unpacked.chunks, name, remote.maxBytes) };
    const { head, whole, all } = await withTextHead(decodeText(bytes, name));
    const chosen =
      remote?.format === undefined
        ? chooseFormat(options.format, sourceHead(head, whole))
        : { format: remote.format, reason: "the server is asked for it" };
    return { name, ...chosen, text: all, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The file to read, where the source is Parquet. Of an answer all is awaited: its index stands at its end. */
async function parquetPath(
  { name, remote }: SourceTextOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (remote === undefined) return (await isParquetFile(name)) ? name : undefined;
  if (remote.format !== undefined || !(await remote.copy.beginsAs(PARQUET_MAGIC, signal))) return undefined;
  return remote.copy.whole(signal);
}

/**
 * The first characters, and all of the text, which begins with a piece of just these: what they show does not hang on
 * how the source's bytes came. A fault met on the way comes where it stands in the text.
 */
async function withTextHead(
  text: AsyncIterable<string>,
): Promise<{ head: string; whole: boolean; all: AsyncIterable<string> }> {
  const iterator = text[Symbol.asyncIterator]();
  let begin = "";
  let done = false;
  let fault: { error: unknown } | undefined;
  while (begin.length < HEAD_CHARS && !done) {
    try {
      const next = await iterator.next();
      if (next.done === true) done = true;
      else begin += next.value;
    } catch (error) {
      fault = { error };
      done = true;
    }
  }
  const head = headOf(begin);
  async function* all(): AsyncGenerator<string> {
    if (head !== "") yield head;
    if (head.length < begin.length) yield begin.slice(head.length);
    if (fault !== undefined) throw fault.error;
    if (!done) yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return { head, whole: done && fault === undefined && head.length === begin.length, all: all() };
}

/** No character is cut in two. */
function headOf(begin: string): string {
  const isCut = (begin.codePointAt(HEAD_CHARS - 1) ?? 0) > 0xffff;
  return begin.slice(0, isCut ? HEAD_CHARS + 1 : HEAD_CHARS);
}

async function* counted(
  chunks: AsyncIterable<Buffer>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    onBytes(chunk.length);
    yield chunk;
  }
}
