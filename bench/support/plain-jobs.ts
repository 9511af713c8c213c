/** What the plain contestants have in common: jobs as BullMQ's documentation writes them, one a row. */
import type { EventEmitter } from "node:events";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { DATASET_GROUP_ID } from "./rows-file.ts";

const BATCH_ROWS = 1_000;

export interface PlainJob {
  name: string;
  data: { dataset_group_id: number; trace_id: string; span_id: string | undefined };
}

export function plainJob(traceId: string, spanId: string | undefined): PlainJob {
  return { name: "row", data: { dataset_group_id: DATASET_GROUP_ID, trace_id: traceId, span_id: spanId } };
}

/** The jobs of a file's rows, in batches. */
export async function* plainJobs(file: string): AsyncGenerator<PlainJob[], void, undefined> {
  let batch: PlainJob[] = [];
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    const [traceId = "", spanId] = line.split(",");
    if (traceId === "trace_id" || traceId === "") continue;
    batch.push(plainJob(traceId, spanId));
    if (batch.length < BATCH_ROWS) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** Resolves when the worker has completed so many jobs. */
export function untilCompleted(worker: EventEmitter, jobs: number): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    let left = jobs;
    worker.on("completed", () => {
      left -= 1;
      if (left === 0) resolve();
    });
    worker.on("failed", (_job, error: Error) => reject(error));
  });
}
