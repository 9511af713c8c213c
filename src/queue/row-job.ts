/** A row job's form in the queue: an id that says which row, and a payload kept under 64 bytes. */
import type { RowJob } from "../core/queue.ts";

/** `r17`, or `r17-2` the second time. Never all digits and without `:`, which BullMQ forbids. */
export function jobId(job: Pick<RowJob, "row" | "generation">): string {
  return job.generation === 0 ? `r${job.row}` : `r${job.row}-${job.generation}`;
}

/** Positional, since Redis keeps short job hashes in a third of the space. */
export function encodeRowJob(job: RowJob): unknown {
  const span = job.spanId === undefined ? [] : [job.spanId];
  return [job.datasetGroupId, job.traceId, ...span];
}

/** undefined: not a row job of ours. Written out, since it is done for every row: a schema takes ten times as long. */
export function decodeRowJob(id: string | undefined, data: unknown): RowJob | undefined {
  const match = /^r(\d+)(?:-(\d+))?$/.exec(id ?? "");
  if (match === null || !Array.isArray(data)) return undefined;
  const [datasetGroupId, traceId, spanId]: unknown[] = data;
  if (!isId(traceId) || !(spanId === undefined || isId(spanId))) return undefined;
  if (typeof datasetGroupId !== "number" || !Number.isSafeInteger(datasetGroupId) || datasetGroupId < 1) {
    return undefined;
  }
  return { row: Number(match[1]), generation: Number(match[2] ?? 0), datasetGroupId, traceId, spanId };
}

function isId(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
