/** The summary: conservation of counts, groups of errors, drafts, exit codes, and what to type next. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ROW_STATUSES, zeroCounts } from "../../src/core/status.ts";
import type { RowStatus } from "../../src/core/status.ts";
import type { Publication, Verdict } from "../../src/core/store.ts";
import { exitCodeOf } from "../../src/report/exit-code.ts";
import type { RunEnd } from "../../src/report/exit-code.ts";
import { nextCommands } from "../../src/report/next-commands.ts";
import type { NextInput } from "../../src/report/next-commands.ts";
import { buildSummary } from "../../src/report/summary.ts";
import type { SummaryInput } from "../../src/report/summary.ts";
import { ReportTally, zeroRowCounts } from "../../src/report/tally.ts";
import { addedRow, otherRow } from "./report-fixture.ts";

function tallyOf(...rows: ReturnType<typeof addedRow>[]): ReportTally {
  const tally = new ReportTally();
  for (const row of rows) tally.add(row);
  return tally;
}

function summaryOf(tally: ReportTally, change: Partial<SummaryInput["run"]> = {}, dryRun = false) {
  return buildSummary({
    run: {
      runId: "r1",
      state: "finished",
      sourceComplete: true,
      halt: undefined,
      warnings: [],
      counts: undefined,
      createdAt: Date.UTC(2026, 6, 21),
      finishedAt: Date.UTC(2026, 6, 21, 0, 1),
      ...change,
    },
    tally,
    rate: { limitPerSecond: undefined, achievedPerSecond: 19.8 },
    reportDir: "traceload-reports/r1",
    next: ["traceload status r1"],
    dryRun,
    nowMs: Date.UTC(2026, 6, 21, 0, 2),
  });
}

test("whatever the rows ended in, rows read are the sum of all other counts", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...ROW_STATUSES)), fc.boolean(), (statuses, dryRun) => {
      const tally = tallyOf(...statuses.map((status, index) => otherRow(index + 1, { status })));
      const { read, ...others } = summaryOf(tally, {}, dryRun).counts;
      const planned = dryRun ? 0 : tally.counts.planned;
      expect(read).toBe(statuses.length);
      expect(Object.values(others).reduce((sum, rows) => sum + rows, planned)).toBe(read);
    }),
  );
});

test("a summary has the fields of the documented shape, with null for what is not known", () => {
  expect(
    summaryOf(
      tallyOf(addedRow(1), otherRow(2, { status: "unknown", errorCode: "timeout", error: "no answer" })),
    ),
  ).toMatchInlineSnapshot(`
    {
      "counts": {
        "added": 1,
        "duplicate": 0,
        "failed": 0,
        "invalid": 0,
        "read": 2,
        "rejected": 0,
        "unknown": 1,
        "unprocessed": 0,
      },
      "drafts": [
        {
          "datasetGroupId": 42,
          "draftDatasetId": 501,
          "figures": null,
          "publication": null,
          "reason": "unknown rows are held",
          "rows": 1,
          "verdict": "not-checked",
        },
      ],
      "durationMs": 60000,
      "errors": [
        {
          "code": "timeout",
          "count": 1,
          "example": "rows.csv:3: no answer",
        },
      ],
      "exitCode": 6,
      "finishedAt": "2026-07-21T00:01:00.000Z",
      "next": [
        "traceload status r1",
      ],
      "parent": null,
      "rate": {
        "achievedPerSecond": 19.8,
        "limitPerSecond": null,
      },
      "reportDir": "traceload-reports/r1",
      "runId": "r1",
      "sourceComplete": true,
      "startedAt": "2026-07-21T00:00:00.000Z",
      "state": "finished",
      "warnings": [],
    }
  `);
});

test("only a dry run counts planned rows", () => {
  const tally = tallyOf(otherRow(1, { status: "planned" }));
  expect(summaryOf(tally, {}, true).counts.planned).toBe(1);
  expect(summaryOf(tallyOf(addedRow(1))).counts).not.toHaveProperty("planned");
});

test("errors are grouped by code, the most frequent first, each with its first row", () => {
  const invalid = { status: "invalid", errorCode: "empty_trace_id", error: "trace_id is empty" } as const;
  const { errors } = summaryOf(
    tallyOf(
      otherRow(1, { status: "rejected", errorCode: "trace_not_found", error: "Trace not found" }),
      otherRow(16, invalid),
      otherRow(17, invalid),
      otherRow(18, { status: "unprocessed" }),
      otherRow(19, { status: "duplicate" }),
    ),
  );
  expect(errors).toEqual([
    { code: "empty_trace_id", count: 2, example: "rows.csv:17: trace_id is empty" },
    { code: "trace_not_found", count: 1, example: "rows.csv:2: Trace not found" },
  ]);
});

test("a server that makes up a new code for every row does not fill the memory, and no row is left uncounted", () => {
  const tally = new ReportTally();
  for (let number = 1; number <= 5_000; number++) {
    tally.add(otherRow(number, { status: "rejected", errorCode: `c${number}`, error: "x".repeat(5_000) }));
  }
  expect(tally.errors.length).toBeLessThanOrEqual(201);
  expect(tally.errors.reduce((sum, { count }) => sum + count, 0)).toBe(5_000);
  expect(tally.errors[0]?.code).toBe("other");
  expect(Math.max(...tally.errors.map(({ example }) => example.length))).toBeLessThanOrEqual(300);
});

const verdict: Verdict = {
  datasetGroupId: 42,
  draftDatasetId: 502,
  kind: "other-writer",
  reason: "the draft holds 3 rows more",
  baseline: 10,
  added: 1,
  unknown: 1,
  total: 15,
  landed: 2,
  absent: 0,
  at: Date.UTC(2026, 6, 21),
};
const figures = {
  baseline: 10,
  added: 1,
  unknown: 1,
  total: 15,
  landed: 2,
  absent: 0,
  at: "2026-07-21T00:00:00.000Z",
};

test("a group whose draft changed in the middle has a line for each, and the verdict stands at the last", () => {
  const { drafts } = summaryOf(
    tallyOf(
      addedRow(1),
      addedRow(2, { draftDatasetId: 502 }),
      addedRow(3),
      otherRow(4, { status: "unknown" }),
      addedRow(5, { datasetGroupId: "43", draftDatasetId: 600 }),
      otherRow(6, { status: "unknown", datasetGroupId: "44" }),
    ),
    { verdicts: [verdict] },
  );
  const unasked = { verdict: "not-checked", figures: null, publication: null };
  expect(drafts).toEqual([
    {
      datasetGroupId: 42,
      draftDatasetId: 501,
      rows: 2,
      ...unasked,
      reason: "it was not the group's draft any more",
    },
    {
      datasetGroupId: 42,
      draftDatasetId: 502,
      rows: 1,
      verdict: "other-writer",
      reason: "the draft holds 3 rows more",
      figures,
      publication: null,
    },
    { datasetGroupId: 43, draftDatasetId: 600, rows: 1, ...unasked, reason: null },
    { datasetGroupId: 44, draftDatasetId: null, rows: 0, ...unasked, reason: "unknown rows are held" },
  ]);
});

test("a group whose rows are all unknown has the verdict that was found on it", () => {
  const { drafts } = summaryOf(tallyOf(otherRow(1, { status: "unknown" })), { verdicts: [verdict] });
  expect(drafts).toMatchObject([
    { datasetGroupId: 42, draftDatasetId: null, verdict: "other-writer", figures },
  ]);
});

test("what stopped the run comes first among the errors, counted by the rows it kept back", () => {
  const summary = summaryOf(tallyOf(addedRow(1), otherRow(2, { status: "unprocessed" })), {
    state: "stopped",
    halt: { code: "unauthorized", message: "the API key was refused (401)" },
  });
  expect(summary.errors).toEqual([
    { code: "unauthorized", count: 1, example: "the API key was refused (401)" },
  ]);
  expect(summary.exitCode).toBe(3);
});

describe("warnings", () => {
  test("name rows that were added in another way than asked for", () => {
    const warned = addedRow(1, { errorCode: "mode_mismatch", error: "added as a trace" });
    expect(summaryOf(tallyOf(warned)).warnings).toEqual([
      "mode_mismatch: 1 added row, such as rows.csv:2: added as a trace",
    ]);
  });

  test("tell of a store and a report that do not agree", () => {
    const counts = { ...zeroCounts(), added: 2, queued: 1 };
    const tally = tallyOf(addedRow(1), otherRow(2, { status: "unprocessed" }));
    expect(summaryOf(tally, { counts }).warnings).toEqual([
      "counts differ (added: 2 in the store, 1 in the report)",
    ]);
  });

  test("say when the run is not over", () => {
    const { warnings, durationMs, finishedAt } = summaryOf(tallyOf(addedRow(1)), {
      state: "draining",
      finishedAt: undefined,
    });
    expect(warnings).toEqual(["the run is still draining: rows without a result stand as unprocessed"]);
    expect([durationMs, finishedAt]).toEqual([120_000, null]);
  });
});

describe("exit codes", () => {
  const end = (counts: Partial<Record<RowStatus, number>>, change: Partial<RunEnd> = {}) =>
    exitCodeOf({ state: "finished", counts: { ...zeroRowCounts(), ...counts }, halt: undefined, ...change });
  const halt = (code: string) => ({ code, message: "" });

  test.each([
    ["all added", 0, end({ added: 5 })],
    ["duplicates only", 0, end({ duplicate: 5 })],
    ["a dry run's planned rows", 0, end({ planned: 5 })],
    ["an invalid row", 1, end({ added: 5, invalid: 1 })],
    ["a rejected row", 1, end({ added: 5, rejected: 1 })],
    ["a failed row", 1, end({ added: 5, failed: 1 })],
    ["unknown rows outrank failed ones", 6, end({ unknown: 1, failed: 5 })],
    ["a stopped group", 2, end({ added: 5, unprocessed: 1 })],
    ["nothing read", 3, end({})],
    ["nothing read, which is fine", 0, end({}, { allowEmpty: true })],
    ["a finish despite a signal", 0, end({ added: 1 }, { signal: "SIGINT" })],
    ["too many errors", 2, end({ failed: 9 }, { state: "stopped", halt: halt("too_many_errors") })],
    ["a refused key", 3, end({}, { state: "stopped", halt: halt("unauthorized") })],
    ["a bug", 5, end({}, { state: "stopped", halt: halt("bug") })],
    ["a pause", 4, end({ added: 1 }, { state: "paused" })],
    ["a run still going", 4, end({ added: 1 }, { state: "draining" })],
    ["a cancelled run", 4, end({ unprocessed: 1 }, { state: "cancelled" })],
    ["an interrupted run", 4, end({ unprocessed: 1 }, { state: "interrupted" })],
    ["Ctrl-C", 130, end({ unprocessed: 1 }, { state: "interrupted", signal: "SIGINT" })],
    ["SIGTERM", 143, end({ unprocessed: 1 }, { state: "interrupted", signal: "SIGTERM" })],
  ])("%s: %i", (_name, expected, actual) => {
    expect(actual).toBe(expected);
  });
});

describe("the next commands", () => {
  const next = (counts: Partial<Record<RowStatus, number>>, change: Partial<NextInput> = {}) =>
    nextCommands({
      runId: "r1",
      state: "finished",
      counts: { ...zeroRowCounts(), ...counts },
      halt: undefined,
      reportDir: "traceload-reports/r1",
      importArguments: ["my rows.csv", "-g", "42"],
      ...change,
    });

  test("of a run that settled well are none", () => {
    expect(next({ added: 5, duplicate: 1 })).toEqual([]);
  });

  test("of rows that did not make it try them again, with what leads to their run", () => {
    const runFlags = ["--sandbox", "--store", "redis://h"];
    expect(next({ failed: 1 }, { runFlags })).toEqual(["traceload rerun r1 --sandbox --store redis://h"]);
    expect(next({ unprocessed: 1 })).toEqual(["traceload rerun r1"]);
  });

  test("of a draft that is not published publish it, when no row is left to be mended, else at a person's word", () => {
    const unpublished = true;
    expect(next({ added: 1 }, { unpublished })).toEqual(["traceload publish r1"]);
    expect(next({ added: 1, failed: 1 }, { unpublished })).toEqual([
      "traceload rerun r1",
      "traceload publish r1 --force",
    ]);
    expect(next({ unprocessed: 1 }, { unpublished, state: "paused" })).toEqual(["traceload resume r1"]);
  });

  test("of rows that could not be read import their file, once it is mended", () => {
    expect(next({ invalid: 1, rejected: 1 }, { importFlags: ["-g", "my group"] })).toEqual([
      "traceload rerun r1",
      "traceload import traceload-reports/r1/failed.csv -g 'my group'",
    ]);
  });

  test("of rows that are unknown ask the server", () => {
    expect(next({ unknown: 1 })).toEqual(["traceload verify r1"]);
    expect(next({ unknown: 1 }, { state: "paused" })).toEqual(["traceload resume r1", "traceload verify r1"]);
  });

  test("of rows that the server's answers did not settle are a person's word, too", () => {
    const addressFlags = ["--store", "redis://h"];
    const runFlags = ["--report-dir", "r", ...addressFlags];
    const file = "--from traceload-reports/r1/unknown.csv --why '…' --store redis://h";
    expect(next({ unknown: 1 }, { undecided: true, runFlags, addressFlags })).toEqual([
      "traceload verify r1 --report-dir r --store redis://h",
      `traceload ledger mark added ${file}`,
      `traceload ledger mark absent ${file}`,
    ]);
    expect(next({ added: 1 }, { undecided: true })).toEqual([]);
  });

  test.each(["interrupted", "paused", "cancelled", "stopped"] as const)(
    "of a run that is %s carry it on",
    (state) => {
      expect(next({ unprocessed: 1 }, { state })).toEqual(["traceload resume r1"]);
    },
  );

  test("of a dry run are the import itself", () => {
    expect(next({ planned: 3, invalid: 1 })).toEqual(["traceload import 'my rows.csv' -g 42"]);
  });

  test("of a refused key ask the doctor first", () => {
    expect(
      next({ unprocessed: 1 }, { state: "stopped", halt: { code: "unauthorized", message: "" } }),
    ).toEqual(["traceload doctor", "traceload resume r1"]);
  });

  test("of a run still going watch it, and fetch its report later", () => {
    expect(next({}, { state: "draining" })).toEqual(["traceload status r1", "traceload report r1"]);
  });

  test("without a report write it again", () => {
    expect(next({ failed: 1 }, { reportDir: undefined })).toEqual([
      "traceload rerun r1",
      "traceload report r1",
    ]);
  });
});

describe("a draft that was to be published", () => {
  const published = { draftDatasetId: 502, askedAt: Date.UTC(2026, 0, 1) } as const;
  const draftOf = (publication: Publication) =>
    summaryOf(tallyOf(addedRow(1, { draftDatasetId: 502 })), { verdicts: [{ ...verdict, publication }] });

  test("has the version number that it became", () => {
    const { drafts, warnings } = draftOf({ ...published, state: "published", versionNumber: 7 });
    expect(drafts[0]?.publication).toEqual({
      state: "published",
      versionNumber: 7,
      reason: null,
      askedAt: "2026-01-01T00:00:00.000Z",
    });
    expect(warnings).toEqual([]);
  });

  test("and is not, is a warning that says why", () => {
    const { drafts, warnings } = draftOf({
      draftDatasetId: 502,
      state: "refused",
      reason: "rows are unknown",
    });
    expect(drafts[0]?.publication).toMatchObject({ state: "refused", versionNumber: null, askedAt: null });
    expect(warnings).toEqual(["dataset group 42: draft 502 was not published: rows are unknown"]);
  });
});
