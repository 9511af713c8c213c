/** The judge of the fault tests is judged: each kind of lie in a report, and each fault of the server's rows, is seen. */
import { expect, test } from "vitest";
import type { RowStatus } from "../../src/core/status.ts";
import { audit } from "../support/audit.ts";
import type { ReportFiles, ReportLine } from "../support/report-files.ts";
import type { AppliedRow } from "../support/sandbox.ts";

function reportOf(statuses: readonly RowStatus[]): ReportFiles {
  const rows = statuses.map((status, index) => {
    const place = { row: String(index + 1), dataset_group_id: "42", trace_id: `t${index + 1}`, span_id: "" };
    return { ...place, status } as ReportLine;
  });
  const counts = Object.fromEntries(
    [...new Set(statuses)].map((status) => [status, statuses.filter((other) => other === status).length]),
  );
  return {
    rows,
    summary: { counts: { ...counts, read: rows.length } } as ReportFiles["summary"],
    directory: "",
  };
}

const there = (...traceIds: string[]): AppliedRow[] =>
  traceIds.map((traceId) => ({ datasetGroupId: 42, traceId, spanId: undefined, time: 0 }));

test("a report that is true passes, whatever became of an unknown row", () => {
  const report = reportOf(["added", "duplicate", "unknown", "unknown", "rejected"]);
  expect(audit({ record: there("t1", "t2", "t3"), report, rowsRead: 5 })).toEqual([]);
});

test.each<{ what: string; statuses: RowStatus[]; record: AppliedRow[]; says: string }>([
  {
    what: "a row that is there twice",
    statuses: ["added"],
    record: there("t1", "t1"),
    says: "applied 2 times",
  },
  {
    what: "an added row that is not there",
    statuses: ["added"],
    record: [],
    says: "called added, is not there",
  },
  { what: "a rejected row that is there", statuses: ["rejected"], record: there("t1"), says: "is there" },
  {
    what: "an unprocessed row that is there",
    statuses: ["unprocessed"],
    record: there("t1"),
    says: "is there",
  },
  { what: "a row too few", statuses: [], record: [], says: "1 rows went in, rows.csv holds 0" },
])("$what is seen", ({ statuses, record, says }) => {
  expect(audit({ record, report: reportOf(statuses), rowsRead: 1 }).join("\n")).toContain(says);
});

test("a summary that counts other than the rows do is seen", () => {
  const report = reportOf(["added", "added"]);
  report.summary.counts.added = 1;
  report.summary.counts.unknown = 1;
  expect(audit({ record: there("t1", "t2"), report })).toEqual([
    "the summary says 1 added, rows.csv holds 2",
    "the summary says 1 unknown, rows.csv holds 0",
  ]);
});
