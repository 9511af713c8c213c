/** Reads sources in tests: from text or bytes given in the test, through a real file or through standard input. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { SourceOptions, SourcePlan, SourceRow } from "../../src/core/source.ts";
import { openSources } from "../../src/sources/open.ts";

export const DEFAULT_OPTIONS: SourceOptions = {
  format: "auto",
  traceColumn: undefined,
  spanColumn: undefined,
  groupColumn: undefined,
  unit: "auto",
  rootOnly: false,
  padIds: false,
  datasetGroupId: 42,
  skip: 0,
  limit: undefined,
};

export interface Reading {
  rows: SourceRow[];
  batches: number[];
  /** What ended the reading before its time. */
  fault: unknown;
}

export async function collect(batches: AsyncIterable<SourceRow[]>): Promise<Reading> {
  const reading: Reading = { rows: [], batches: [], fault: undefined };
  try {
    for await (const batch of batches) {
      reading.rows.push(...batch);
      reading.batches.push(batch.length);
    }
  } catch (error) {
    reading.fault = error;
  }
  return reading;
}

/** Runs with a fresh directory that is removed afterwards. */
export async function inDirectory<T>(run: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "traceload-sources-"));
  try {
    return await run(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Reads `content` as a file. */
export async function readFileOf(
  content: string | Uint8Array,
  options: Partial<SourceOptions> = {},
  name = "ids.csv",
): Promise<Reading> {
  const { rows, batches, fault } = await readWithPlan(content, options, name);
  return { rows, batches, fault };
}

/** Reads `content` as a file, and what is known of it before. */
export function readWithPlan(
  content: string | Uint8Array,
  options: Partial<SourceOptions> = {},
  name = "ids.csv",
): Promise<Reading & { plan: SourcePlan | undefined }> {
  return inDirectory(async (directory) => {
    const path = join(directory, name);
    writeFileSync(path, content);
    const sources = await openSources(
      [path],
      { ...DEFAULT_OPTIONS, ...options },
      { stdin: Readable.from([]) },
    );
    const { signal } = new AbortController();
    const [plan] = await sources.plan(signal).catch(() => []);
    const reading = await collect(sources.rows(signal));
    return { plan, ...reading };
  });
}

/** Reads `content` from standard input, in pieces of `pieceBytes`. */
export async function readStdin(
  content: string | Uint8Array,
  options: Partial<SourceOptions> = {},
  pieceBytes = 65_536,
): Promise<Reading> {
  const bytes = Buffer.from(content as Uint8Array);
  function* pieces(): Generator<Buffer> {
    for (let from = 0; from < bytes.length; from += pieceBytes) yield bytes.subarray(from, from + pieceBytes);
  }
  const stdin = Readable.from(pieces(), { objectMode: false });
  const sources = await openSources(["-"], { ...DEFAULT_OPTIONS, ...options }, { stdin });
  return collect(sources.rows(new AbortController().signal));
}

/** `trace/span` of good rows, `line:code` of invalid ones. */
export function brief(rows: readonly SourceRow[]): string[] {
  return rows.map(({ line, traceId, spanId, invalid }) =>
    invalid === undefined ? `${traceId}/${spanId}` : `${line}:${invalid.code}`,
  );
}
