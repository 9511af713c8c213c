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

/** The rows as far as they go, then the fault that ended their source, whatever else they would have led to. */
function* untilFault(rows: Iterable<SourceRow>, fault: unknown): Generator<SourceRow> {
  try {
    yield* rows;
  } catch {
    throw fault;
  }
  throw fault;
}

async function* sourceRows(
  source: { index: number; name: string; stdin: Readable },
  options: SourceOptions,
  signal: AbortSignal,
): AsyncGenerator<Generator<SourceRow>> {
  const shownName = source.name === STDIN ? "standard input" : source.name;
  const raw =
    source.name === STDIN ? streamChunks(source.stdin, shownName, signal) : fileChunks(source.name, signal);
  try {
    const { head, whole, all } = await withTextHead(decodeText(await unpack(raw, shownName), shownName));
    const format = chooseFormat(options.format, head, whole);
    const maker = new RowMaker({ index: source.index, name: shownName }, options);
    let fault: { error: unknown } | undefined;
    try {
      for await (const records of format.records(all, shownName)) yield maker.take(records);
    } catch (error) {
      fault = { error };
    }
    signal.throwIfAborted();
    yield fault === undefined ? maker.end() : untilFault(maker.end(), fault.error);
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
  async function* rows(signal: AbortSignal): AsyncGenerator<SourceRow[]> {
    let left = options.limit ?? Infinity;
    let batch: SourceRow[] = [];
    for (const [index, name] of names.entries()) {
      let toSkip = options.skip;
      const source = { index, name, stdin: environment.stdin };
      try {
        for await (const some of sourceRows(source, options, signal)) {
          for (const row of some) {
            if (left === 0) break;
            if (toSkip > 0) {
              toSkip -= 1;
              continue;
            }
            left -= 1;
            batch.push(row);
            if (batch.length === BATCH_ROWS) {
              signal.throwIfAborted();
              yield batch;
              batch = [];
            }
          }
          if (left === 0) break;
          if (batch.length > 0) {
            yield batch;
            batch = [];
          }
        }
      } catch (error) {
        if (batch.length > 0 && !signal.aborted) yield batch;
        throw error;
      }
      if (batch.length > 0) yield batch;
      batch = [];
      if (left === 0) return;
    }
  }
  return { names, facts, rows };
}
