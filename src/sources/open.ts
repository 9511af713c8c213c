/** Opens the sources of an import: the way from what the user named to batches of rows. */
import type { Readable } from "node:stream";
import type { OpenedSources, SourceOptions, SourceRow } from "../core/source.ts";
import { fileChunks, streamChunks, unpack } from "./bytes.ts";
import { chooseFormat } from "./formats/registry.ts";
import { STDIN, expandInputs, sourceFacts } from "./inputs.ts";
import { HEAD_CHARS } from "./record.ts";
import { RowMaker } from "./rows.ts";
import { decodeText } from "./text.ts";

const BATCH_ROWS = 1000;

/** The first characters, and all of the text; a fault met on the way comes where it stands in the text. */
async function withTextHead(
  text: AsyncIterable<string>,
): Promise<{ head: string; whole: boolean; all: AsyncIterable<string> }> {
  const iterator = text[Symbol.asyncIterator]();
  let head = "";
  let done = false;
  let fault: { error: unknown } | undefined;
  while (head.length < HEAD_CHARS && !done) {
    try {
      const next = await iterator.next();
      if (next.done === true) done = true;
      else head += next.value;
    } catch (error) {
      fault = { error };
      done = true;
    }
  }
  async function* all(): AsyncGenerator<string> {
    if (head !== "") yield head;
    if (fault !== undefined) throw fault.error;
    if (!done) yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return { head, whole: done && fault === undefined, all: all() };
}

/** The rows before a fault, those included that waited for more records; the fault itself is what counts then. */
function rowsBeforeFault(maker: RowMaker, rows: SourceRow[]): SourceRow[] {
  try {
    maker.end(rows);
  } catch {
    // Columns that cannot be told matter less than a source that cannot be read.
  }
  return rows;
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

async function* sourceRows(
  source: { index: number; name: string; stdin: Readable; onBytes: (bytes: number) => void },
  options: SourceOptions,
  signal: AbortSignal,
): AsyncGenerator<SourceRow[]> {
  const shownName = source.name === STDIN ? "standard input" : source.name;
  const raw =
    source.name === STDIN ? streamChunks(source.stdin, shownName, signal) : fileChunks(source.name, signal);
  const maker = new RowMaker({ index: source.index, name: shownName }, options);
  let rows: SourceRow[] = [];
  try {
    const { head, whole, all } = await withTextHead(
      decodeText(await unpack(counted(raw, source.onBytes), shownName), shownName),
    );
    for await (const records of chooseFormat(options.format, head, whole).records(all, shownName)) {
      maker.take(records, rows);
      yield rows;
      rows = [];
    }
    maker.end(rows);
    yield rows;
  } catch (error) {
    signal.throwIfAborted();
    yield rowsBeforeFault(maker, rows);
    throw error;
  } finally {
    // A read that is still pending would hold up the return of the one that waits for it.
    if (source.name === STDIN) source.stdin.destroy();
    await raw.return(undefined);
  }
}

/**
 * Opens files, patterns and `-` (standard input). Files are found and looked at now, and read when `rows` is called;
 * standard input can be read once. Throws `source_not_found` or `source_unreadable`. An aborted signal ends `rows` with
 * its reason; files are closed whenever the reader stops.
 */
export async function openSources(
  inputs: string[],
  options: SourceOptions,
  environment: { stdin: Readable },
): Promise<OpenedSources> {
  const names = await expandInputs(inputs);
  const facts = await Promise.all(names.map(sourceFacts));
  const sizes = facts.map((fact) => fact.sizeBytes);
  const totalBytes = sizes.every((size) => size !== undefined)
    ? sizes.reduce((sum, size) => sum + size, 0)
    : undefined;
  let readBytes = 0;
  const onBytes = (bytes: number) => {
    readBytes += bytes;
  };
  async function* rows(signal: AbortSignal): AsyncGenerator<SourceRow[]> {
    let left = options.limit ?? Infinity;
    for (const [index, name] of names.entries()) {
      if (left <= 0) return;
      let toSkip = options.skip;
      for await (const some of sourceRows(
        { index, name, stdin: environment.stdin, onBytes },
        options,
        signal,
      )) {
        const wanted = some.slice(toSkip, toSkip + left);
        toSkip = Math.max(0, toSkip - some.length);
        left -= wanted.length;
        for (let from = 0; from < wanted.length; from += BATCH_ROWS) {
          signal.throwIfAborted();
          yield wanted.slice(from, from + BATCH_ROWS);
        }
        if (left <= 0) break;
      }
    }
  }
  const readShare = () => (totalBytes ? Math.min(1, readBytes / totalBytes) : undefined);
  return { names, facts, rows, readShare };
}
