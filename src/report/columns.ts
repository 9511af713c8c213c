/** The columns of a report: what each row's line holds, in which order, and how a stored row becomes one. */
import type { Rows, Run, StoredRow } from "../core/store.ts";
import { defuseCell } from "../core/spreadsheet-cell.ts";
import type { RowStatus } from "../core/status.ts";

/** One row as the report shows it. Texts are exactly as the source wrote them. */
export interface ReportRow extends Omit<StoredRow, "source" | "status"> {
  /** The source's name as it was given on the command line. */
  file: string;
  status: RowStatus;
}

/** The order binds: people and scripts count on it. New columns go to the end. */
export const REPORT_COLUMNS = [
  "row",
  "file",
  "line",
  "dataset_group_id",
  "trace_id",
  "span_id",
  "status",
  "draft_dataset_id",
  "mode",
  "attempts",
  "http_status",
  "error_code",
  "error",
  "duration_ms",
  "finished_at",
  "run_id",
] as const;
export type ReportColumn = (typeof REPORT_COLUMNS)[number];

/** One row under the column names, for JSON. Absent is `null`, so that every object has the same shape. */
export type ReportRecord = Record<ReportColumn, string | number | null>;

export function reportRecord(row: ReportRow, runId: string): ReportRecord {
  return {
    row: row.row,
    file: row.file,
    line: row.line,
    dataset_group_id: row.datasetGroupId,
    trace_id: row.traceId,
    span_id: row.spanId === "" ? null : row.spanId,
    status: row.status,
    draft_dataset_id: row.draftDatasetId ?? null,
    mode: row.mode ?? null,
    attempts: row.attempts,
    http_status: row.httpStatus ?? null,
    error_code: row.errorCode ?? null,
    error: row.error ?? null,
    duration_ms: row.durationMs ?? null,
    finished_at: isoTime(row.finishedAt),
    run_id: runId,
  };
}

/** One row as CSV cells in the order of `REPORT_COLUMNS`; texts that a spreadsheet would run are defused. */
export function reportCells(row: ReportRow, runId: string): string[] {
  const record = reportRecord(row, runId);
  return REPORT_COLUMNS.map((column) => {
    const value = record[column];
    if (value === null) return "";
    return typeof value === "number" ? String(value) : defuseCell(value);
  });
}

/**
 * A stored row as the report shows it. A row without a result stands as `unprocessed`: the report knows no other word
 * for it, and the sum over all statuses stays the number of rows read.
 */
export function reportRow(stored: StoredRow, sources: readonly string[]): ReportRow {
  const { source, status, ...rest } = stored;
  return {
    ...rest,
    file: sources[source] ?? `source ${source + 1}`,
    status: status === "queued" ? "unprocessed" : status,
  };
}

/** All rows of a run in input order, a page at a time; never more than one page in memory. */
export async function* storedReportRows(
  store: Pick<Rows, "readRows">,
  run: Pick<Run, "runId" | "sources">,
  options: { pageRows?: number; signal?: AbortSignal } = {},
): AsyncGenerator<ReportRow[], void, undefined> {
  const limit = options.pageRows ?? 1_000;
  let fromRow = 1;
  for (;;) {
    options.signal?.throwIfAborted();
    const page = await store.readRows(run.runId, { fromRow, limit });
    const last = page.at(-1);
    if (last === undefined) return;
    yield page.map((stored) => reportRow(stored, run.sources));
    if (page.length < limit) return;
    fromRow = last.row + 1;
  }
}

/** ISO 8601, UTC; `null` for no time. */
export function isoTime(epochMs: number | undefined): string | null {
  return epochMs === undefined ? null : new Date(epochMs).toISOString();
}
