/**
 * How rows lie in the queue: a job holds several of one batch, since what BullMQ does for a job costs more than the row
 * itself. Its id says which rows, so that a batch sent again makes the same jobs; its payload is positional.
 */
import type { RowJob } from "../core/queue.ts";

/** Rows to a job. More would hardly save anything, and leave a killed worker's rows waiting in larger lumps. */
export const ROWS_PER_JOB = 25;

export interface PackedJob {
  id: string;
  data: unknown;
}

/** The jobs for a batch of rows, in order; rows of one job are of one generation. */
export function packRows(rows: readonly RowJob[]): PackedJob[] {
  const jobs: PackedJob[] = [];
  for (let from = 0; from < rows.length;) {
    const { generation } = rows[from] as RowJob;
    let to = from + 1;
    while (to < rows.length && to < from + ROWS_PER_JOB && rows[to]?.generation === generation) to += 1;
    const packed = rows.slice(from, to);
    jobs.push({ id: jobId(packed), data: encodeRows(packed) });
    from = to;
  }
  return jobs;
}

/** `r17` or `r17_41_25`: the first row, the last, and how many; `-2` the third time. Without `:`, which BullMQ forbids. */
function jobId(rows: readonly RowJob[]): string {
  const { row: first = 0, generation = 0 } = rows[0] ?? {};
  const range = rows.length === 1 ? "" : `_${rows.at(-1)?.row}_${rows.length}`;
  return `r${first}${range}${generation === 0 ? "" : `-${generation}`}`;
}

export function encodeRows(rows: readonly RowJob[]): unknown {
  return rows.map(({ row, datasetGroupId, traceId, spanId }) =>
    spanId === undefined ? [row, datasetGroupId, traceId] : [row, datasetGroupId, traceId, spanId],
  );
}

/** undefined: not a job of ours. Written out, since it is done for every row: a schema takes ten times as long. */
export function unpackRows(id: string | undefined, data: unknown): RowJob[] | undefined {
  const match = /^r\d+(?:_\d+_\d+)?(?:-(\d+))?$/.exec(id ?? "");
  if (match === null || !Array.isArray(data)) return undefined;
  const generation = Number(match[1] ?? 0);
  const rows: RowJob[] = [];
  for (const item of data as unknown[]) {
    if (!Array.isArray(item)) return undefined;
    const [row, datasetGroupId, traceId, spanId]: unknown[] = item;
    if (!isNumber(row) || !isNumber(datasetGroupId) || !isId(traceId)) return undefined;
    if (spanId !== undefined && !isId(spanId)) return undefined;
    rows.push({ row, generation, datasetGroupId, traceId, spanId });
  }
  return rows;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}

function isId(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
