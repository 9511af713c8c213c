/** The end of a run on one screen, and runs in a list. */
import { describe, expect, test } from "vitest";
import { renderRun, renderRuns } from "../../src/cli/show/runs-table.ts";
import { renderSummary } from "../../src/cli/show/summary-text.ts";
import { zeroCounts } from "../../src/core/status.ts";
import { counts, draft, run, summary } from "./show-fixture.ts";
import { FORCED_WARNING, rerunWarnings } from "../../src/core/warnings.ts";
import type { RunSummary } from "../../src/report/summary.ts";

const shown = (change: Partial<RunSummary> = {}, columns = 80) =>
  `\n${renderSummary(summary(change), { color: false, columns })}`;
const first = (change: Partial<RunSummary>) => shown(change).split("\n")[1];

describe("the summary", () => {
  test("of a run that went well fits on a few lines", () => {
    expect(shown()).toMatchInlineSnapshot(`
      "
      Run r1 finished: every row landed exactly once.

        read   1,000
        added  1,000  confirmed by the server

      Drafts
        dataset group 42: 1,000 rows added to draft 501
          verified: 1,012 rows there, 12 before, 1,000 added

      Took    50 s (19.8/s, limit 20/s)
      Report  traceload-reports/r1: rows.csv, summary.json
      "
    `);
  });

  test("of a run with everything in it says what needs a person, and what to type", () => {
    expect(
      shown({
        exitCode: 6,
        counts: counts({ added: 1_080, duplicate: 12, invalid: 3, rejected: 5, unknown: 2 }),
        drafts: [
          draft({
            rows: 1_080,
            verdict: "inconclusive",
            reason: "which of the rows in doubt are there cannot be told",
            figures: { baseline: 0, added: 1_080, unknown: 2, total: 1_081, landed: 3, absent: 1, at: "" },
          }),
        ],
        errors: [
          { code: "trace_not_found", count: 5, example: `rows.csv:204: ${"no such trace ".repeat(10)}` },
          { code: "empty_trace_id", count: 3, example: "rows.csv:17: trace_id is empty" },
          { code: "timeout", count: 2, example: "rows.csv:88: no answer within 60 s" },
        ],
        warnings: ["appendfsync is everysec: a power cut can lose the last second"],
        next: ["traceload import traceload-reports/r1/failed.csv", "traceload status r1"],
      }),
    ).toMatchInlineSnapshot(`
      "
      Run r1 finished, but 2 rows are unknown: 1,092 of 1,102 rows landed exactly once, 8 did not make it.

        read       1,102
        added      1,080  confirmed by the server
        duplicate     12  added before, not sent again
        invalid        3  never sent: mend these lines of failed.csv, then import it
        rejected       5  refused by the server for good
        unknown        2  sent, but no answer says whether they landed; held, not sent again

      Errors
        trace_not_found  5  rows.csv:204: no such trace no such trace no such …
        empty_trace_id   3  rows.csv:17: trace_id is empty
        timeout          2  rows.csv:88: no answer within 60 s

      Drafts
        dataset group 42: 1,080 rows added to draft 501
          inconclusive: 1,081 rows there, 0 before, 1,080 added, 2 unknown; of those in doubt, 3 had landed and 1 had not; which of the rows in doubt are there cannot be told

      warning: appendfsync is everysec: a power cut can lose the last second

      Took    50 s (19.8/s, limit 20/s)
      Report  traceload-reports/r1: rows.csv, failed.csv, unknown.csv, summary.json

      Next
        traceload import traceload-reports/r1/failed.csv
        traceload status r1
      "
    `);
  });

  test("of a stopped run begins with the reason", () => {
    expect(
      shown({
        state: "stopped",
        counts: counts({ added: 1, unprocessed: 999 }),
        errors: [{ code: "unauthorized", count: 999, example: "the API key was refused (401)" }],
        next: ["traceload doctor"],
      }),
    ).toMatchInlineSnapshot(`
      "
      Run r1 stopped: the API key was refused (401). 999 rows were not sent.

        read         1,000
        added            1  confirmed by the server
        unprocessed    999  not sent

      Errors
        unauthorized  999  the API key was refused (401)

      Drafts
        dataset group 42: 1,000 rows added to draft 501
          verified: 1,012 rows there, 12 before, 1,000 added

      Took    50 s (19.8/s, limit 20/s)
      Report  traceload-reports/r1: rows.csv, unprocessed.csv, summary.json

      Next
        traceload doctor
      "
    `);
  });

  test.each<[string, Partial<RunSummary>, string]>([
    [
      "one unknown row",
      { counts: counts({ added: 9, unknown: 1 }) },
      "finished, but 1 row is unknown: 9 of 10 rows landed exactly once.",
    ],
    [
      "rows that did not make it",
      { counts: counts({ added: 9, failed: 1 }) },
      "finished: 9 of 10 rows landed exactly once, 1 did not make it.",
    ],
    [
      "duplicates only",
      { counts: counts({ duplicate: 9 }) },
      "finished: every row had been added before, nothing was sent.",
    ],
    [
      "rows that were sent once more by choice",
      { counts: counts({ added: 9 }), warnings: [FORCED_WARNING] },
      "finished: every row landed, some perhaps twice.",
    ],
    [
      "the same with others that did not make it",
      { counts: counts({ added: 9, failed: 1 }), warnings: [FORCED_WARNING] },
      "finished: 9 of 10 rows landed, 1 did not make it.",
    ],
    [
      "rows of no known outcome that were sent again",
      { counts: counts({ added: 9 }), warnings: rerunWarnings([], true) },
      "finished: every row landed, some perhaps twice.",
    ],
    [
      "rows of a run that sent some once more",
      {
        counts: counts({ added: 9 }),
        warnings: rerunWarnings(rerunWarnings([FORCED_WARNING], false), false),
      },
      "finished: every row landed, some perhaps twice.",
    ],
    [
      "a draft that holds something else",
      { counts: counts({ added: 9 }), drafts: [draft({ verdict: "other-writer" })] },
      "finished: every row was added, but a draft holds more or fewer rows than it should.",
    ],
    [
      "the same beside rows that did not make it",
      { counts: counts({ added: 9, failed: 1 }), drafts: [draft({ verdict: "other-writer" })] },
      "finished: 9 of 10 rows landed, 1 did not make it.",
    ],
    ["no rows", { counts: counts() }, "finished: there was nothing to read."],
    [
      "a dry run",
      { counts: counts({ planned: 9, invalid: 1 }) },
      "was a dry run: 9 rows of 10 would be sent, nothing was.",
    ],
    [
      "an interruption",
      { state: "interrupted", sourceComplete: false, counts: counts({ unprocessed: 3 }) },
      "is interrupted: 3 rows were not sent, and the sources were not read to the end. Nothing is lost.",
    ],
    [
      "a pause with rows in doubt",
      { state: "paused", counts: counts({ unprocessed: 3, unknown: 1 }) },
      "is paused: 3 rows were not sent, 1 row is unknown. Nothing is lost.",
    ],
    [
      "a run still going",
      { state: "draining", counts: counts({ unprocessed: 3 }) },
      "is draining: 3 rows to go.",
    ],
  ])("names %s in its first line", (_name, change, words) => {
    expect(first(change)).toBe(`Run r1 ${words}`);
  });

  test.each<[string, Partial<RunSummary>, string]>([
    ["rows that nobody was seen sending", {}, "50 s (limit 20/s)"],
    ["rows that were there before", { counts: counts({ duplicate: 9 }) }, "50 s (nothing sent)"],
  ])("of %s names no rate", (_name, change, words) => {
    const rate = { limitPerSecond: 20, achievedPerSecond: null };
    expect(shown({ rate, ...change })).toContain(`Took    ${words}\n`);
  });

  test("cuts long lists and says where the rest stands", () => {
    const errors = Array.from({ length: 9 }, (_, index) => ({
      code: `c${index}`,
      count: 1,
      example: "a.csv:2: x",
    }));
    expect(shown({ errors })).toContain("  and 4 more kinds: see summary.json");
  });

  test("is coloured only when told so", () => {
    expect(shown()).not.toContain("\u001B");
    expect(renderSummary(summary(), { color: true, columns: 80 })).toContain("\u001B[32m");
  });
});

describe("runs", () => {
  const look = { color: false, columns: 100, nowMs: Date.UTC(2026, 6, 21) };

  test("stand in a list, aligned, with long source names cut", () => {
    const runs = [
      run(),
      run({
        runId: "nightly-7",
        state: "finished",
        sources: ["a".repeat(80)],
        createdAt: Date.UTC(2026, 6, 10),
      }),
    ];
    expect(`\n${renderRuns(runs, look)}`).toMatchInlineSnapshot(`
      "
      RUN        STATE     STARTED    READ  ADDED  DUPLICATE  ERRORS  UNKNOWN  LEFT  SOURCES
      r1         draining  3 h ago   2,000  1,080         12       8        2   898  rows.csv
      nightly-7  finished  11 d ago  2,000  1,080         12       8        2   898  aaaaaaaaaaaaaaaaaaaa…
      "
    `);
    expect(renderRuns([], look)).toBe("no runs\n");
  });

  test("are listed without the columns that are 0 in all of them", () => {
    const usual = run({
      runId: "20261122-211419-6043",
      state: "finished",
      counts: { ...zeroCounts(), added: 986, duplicate: 2, invalid: 12 },
    });
    const [head = ""] = renderRuns([usual], look).split("\n");
    expect(head.split(/ +/)).toEqual("RUN STATE STARTED READ ADDED DUPLICATE ERRORS SOURCES".split(" "));
  });

  test("are shown one by one with all that is known", () => {
    const stopped = run({
      state: "stopped",
      owner: undefined,
      sourceComplete: false,
      halt: { code: "forbidden", message: "the key may not write to dataset group 42" },
      warnings: ["maxmemory-policy is allkeys-lru"],
      finishedAt: Date.UTC(2026, 6, 20, 21, 2),
    });
    expect(`\n${renderRun(stopped, look)}`).toMatchInlineSnapshot(`
      "
      Run r1
        state       stopped
        started     2026-07-20T21:00:00.000Z, 3 h ago, took 2 min 00 s
        sources     rows.csv (not read to the end yet)
        stopped by  forbidden: the key may not write to dataset group 42

        read       2,000
        queued       898
        added      1,080
        duplicate     12
        invalid        3
        rejected       5
        unknown        2

      warning: maxmemory-policy is allkeys-lru
      "
    `);
  });
});
