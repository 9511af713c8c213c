/** Input of benchmarks: a CSV of trace and span IDs, the same each time. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

export const DATASET_GROUP_ID = 42;

const LINES_A_CHUNK = 1_000;

export interface BenchRow {
  traceId: string;
  spanId: string;
}

export function benchRow(number: number): BenchRow {
  const hash = createHash("sha256").update(`row ${number}`).digest("hex");
  return { traceId: hash.slice(0, 32), spanId: hash.slice(32, 48) };
}

export async function writeRowsFile(file: string, rows: number): Promise<void> {
  await pipeline(Readable.from(chunks(rows)), createWriteStream(file));
}

function* chunks(rows: number): Generator<string> {
  yield "trace_id,span_id\n";
  for (let from = 1; from <= rows; from += LINES_A_CHUNK) {
    let text = "";
    for (let number = from; number < from + LINES_A_CHUNK && number <= rows; number += 1) {
      const { traceId, spanId } = benchRow(number);
      text += `${traceId},${spanId}\n`;
    }
    yield text;
  }
}
