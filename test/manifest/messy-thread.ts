/** Reads messy files in a thread, which can be ended: what each holds, and that an import of it ends. */
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { parentPort } from "node:worker_threads";
import { TraceloadError } from "../../src/core/errors.ts";
import { openSources } from "../../src/sources/open.ts";
import { openSourceText } from "../../src/sources/source-text.ts";
import { DEFAULT_OPTIONS } from "../support/source-reading.ts";

export interface MessyFile {
  file: string;
  format: string;
}

export interface Found {
  records: number;
  /** Codes of what is no record, each once. */
  broken: string[];
  /** What ended the reading. */
  fault: string | undefined;
  peakMiB: number;
}

const { signal } = new AbortController();

function faultOf(error: unknown): string {
  if (!(error instanceof TraceloadError)) throw error;
  return error.message;
}

/** The records, whether they name a trace or not: these files name none. */
async function recordsOf({ file, format }: MessyFile): Promise<Found> {
  const found: Found = { records: 0, broken: [], fault: undefined, peakMiB: 0 };
  const broken = new Set<string>();
  try {
    const options = {
      name: file,
      format,
      stdin: () => Readable.from([]),
      onBytes: () => undefined,
      columns: [],
    };
    const source = await openSourceText(options, signal);
    for await (const records of source.format.records(source.text, file)) {
      for (const record of records) {
        if (record.kind === "broken") broken.add(record.problem.code);
        else found.records += 1;
      }
    }
    await source.close();
  } catch (error) {
    found.fault = faultOf(error);
  }
  found.broken = [...broken];
  return found;
}

/** As an import reads it, by names and by the first column: it ends in rows and at most one fault. */
async function readRows({ file, format }: MessyFile): Promise<void> {
  for (const traceColumn of [undefined, "1"]) {
    try {
      const stdin = Readable.from([]);
      const sources = await openSources([file], { ...DEFAULT_OPTIONS, format, traceColumn }, { stdin });
      await sources.plan(signal);
      for await (const rows of sources.rows(signal))
        if (rows.length > 1000) throw new Error("a batch too large");
    } catch (error) {
      faultOf(error);
    }
  }
}

function peakMiB(): number {
  const [, kib] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return Number(kib) / 1024;
}

parentPort?.on("message", (messy: MessyFile) => {
  void recordsOf(messy).then(async (found) => {
    await readRows(messy);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
    parentPort?.postMessage({ ...found, peakMiB: peakMiB() } satisfies Found);
  });
});
