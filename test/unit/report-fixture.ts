/** Rows of a report, made up for the tests. */
import type { ReportRow } from "../../src/report/columns.ts";

/** An added row; line 1 of its file is the header. */
export function addedRow(number: number, change: Partial<ReportRow> = {}): ReportRow {
  return {
    row: number,
    file: "rows.csv",
    line: number + 1,
    datasetGroupId: "42",
    traceId: `trace-${number}`,
    spanId: `span-${number}`,
    status: "added",
    draftDatasetId: 501,
    mode: "span",
    attempts: 1,
    httpStatus: 201,
    errorCode: undefined,
    error: undefined,
    durationMs: 38,
    finishedAt: Date.UTC(2026, 6, 21, 10, 0, 0, 7),
    ...change,
  };
}

/** A row that no draft is known for. */
export function otherRow(number: number, change: Pick<ReportRow, "status"> & Partial<ReportRow>): ReportRow {
  return addedRow(number, {
    draftDatasetId: undefined,
    mode: undefined,
    attempts: 0,
    httpStatus: undefined,
    durationMs: undefined,
    ...change,
  });
}

export async function* inBatches(rows: readonly ReportRow[], size = 2): AsyncGenerator<ReportRow[]> {
  for (let start = 0; start < rows.length; start += size) {
    await Promise.resolve();
    yield rows.slice(start, start + size);
  }
}
