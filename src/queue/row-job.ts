/** A row job's form in the queue: an id that says which row, and a payload kept under 64 bytes. */
import { z } from "zod";
import type { RowJob } from "../core/queue.ts";

/** Positional, since Redis keeps short job hashes in a third of the space. */
const payload = z.tuple([z.number().int().min(1), z.string().min(1)]).rest(z.string().min(1));

/** `r17`, or `r17-2` the second time. Never all digits and without `:`, which BullMQ forbids. */
export function jobId(job: Pick<RowJob, "row" | "generation">): string {
  return job.generation === 0 ? `r${job.row}` : `r${job.row}-${job.generation}`;
}

export function encodeRowJob(job: RowJob): unknown {
  const span = job.spanId === undefined ? [] : [job.spanId];
  return [job.datasetGroupId, job.traceId, ...span];
}

/** undefined: not a row job of ours. */
export function decodeRowJob(id: string | undefined, data: unknown): RowJob | undefined {
  const match = /^r(\d+)(?:-(\d+))?$/.exec(id ?? "");
  const parsed = payload.safeParse(data);
  if (match === null || !parsed.success) return undefined;
  const [datasetGroupId, traceId, spanId] = parsed.data;
  return { row: Number(match[1]), generation: Number(match[2] ?? 0), datasetGroupId, traceId, spanId };
}
