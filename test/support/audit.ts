/** Compares a report with what the server recorded: nothing twice, nothing lost, and every word of it true. */
import { ROW_STATUSES, type RowStatus } from "../../src/core/status.ts";
import type { ReportFiles, ReportLine } from "./report-files.ts";
import type { AppliedRow } from "./sandbox.ts";

export interface AuditInput {
  record: readonly AppliedRow[];
  report: ReportFiles;
  /** Rows that the report must hold; undefined where a run stopped before it had read them all. */
  rowsRead?: number;
}

const LISTED = 10;
/** The server has it, or may have it. */
const MAY_BE_THERE: ReadonlySet<string> = new Set<RowStatus>(["added", "duplicate", "unknown"]);

/** What is wrong, one line each; empty when all is well. */
export function audit({ record, report, rowsRead }: AuditInput): string[] {
  const { rows, summary } = report;
  const complaints: string[] = [];
  const times = countBy(record, (row) => identity(row.datasetGroupId, row.traceId, row.spanId ?? ""));
  for (const [key, count] of times) if (count > 1) complaints.push(`applied ${count} times: ${key}`);

  const called = new Map<string, Set<string>>();
  for (const row of rows) {
    const statuses = called.get(identityOf(row)) ?? new Set();
    called.set(identityOf(row), statuses.add(row.status));
  }
  for (const [key, statuses] of called) {
    const certain = statuses.has("added") || statuses.has("duplicate");
    if (certain && !times.has(key))
      complaints.push(`called ${[...statuses].join(" and ")}, is not there: ${key}`);
    const possible = [...statuses].some((status) => MAY_BE_THERE.has(status));
    if (!possible && times.has(key))
      complaints.push(`called ${[...statuses].join(" and ")}, is there: ${key}`);
  }

  const counts = countBy(rows, (row) => row.status);
  for (const status of ROW_STATUSES) {
    const told = summary.counts[status] ?? 0;
    const found = counts.get(status) ?? 0;
    if (told !== found) complaints.push(`the summary says ${told} ${status}, rows.csv holds ${found}`);
  }
  if (rows.length !== summary.counts.read) {
    complaints.push(`the summary says ${summary.counts.read} read, rows.csv holds ${rows.length}`);
  }
  if (rowsRead !== undefined && rows.length !== rowsRead) {
    complaints.push(`${rowsRead} rows went in, rows.csv holds ${rows.length}`);
  }
  const misplaced = rows.find((row, index) => row.row !== String(index + 1));
  if (misplaced !== undefined) complaints.push(`row ${misplaced.row} is not in its place`);
  return complaints.length > LISTED
    ? [...complaints.slice(0, LISTED), `… ${complaints.length - LISTED} more`]
    : complaints;
}

/** Rows that are there and that the report does not speak of: for a file that was read to its end, none. */
export function unspokenRows(record: readonly AppliedRow[], rows: readonly ReportLine[]): number {
  const spoken = new Set(rows.map(identityOf));
  return record.filter((row) => !spoken.has(identity(row.datasetGroupId, row.traceId, row.spanId ?? "")))
    .length;
}

function identityOf(row: ReportLine): string {
  return identity(Number(row.dataset_group_id), row.trace_id, row.span_id);
}

function identity(datasetGroupId: number, traceId: string, spanId: string): string {
  return `${datasetGroupId} ${traceId} ${spanId}`;
}

function countBy<T>(items: readonly T[], key: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}
