import { expect, test } from "vitest";
import { dryRun } from "../../src/app/dry-run.ts";
import { RowsKept } from "../../src/report/kept-rows.ts";
import { DistinctNotes } from "../../src/sources/distinct.ts";
import { scriptedSources, sourceRow } from "../support/scripted-sources.ts";

const NEVER = new AbortController().signal;

async function plan(heldRows: number) {
  const bad = { traceId: "", invalid: { code: "missing_trace_id", message: "trace_id is empty" } };
  const batches = [
    [sourceRow(1), sourceRow(2, { spanId: "s" }), sourceRow(3, bad)],
    [sourceRow(4, { traceId: "trace-2" }), sourceRow(5, { traceId: "trace-1" }), sourceRow(6, bad)],
  ];
  const kept = new RowsKept(heldRows);
  const notes = new DistinctNotes();
  try {
    const sources = scriptedSources(batches);
    const parts = { sources, origin: "https://api.example", store: undefined, force: false, notes, kept };
    const dry = await dryRun(parts, NEVER);
    const rows = [];
    for await (const some of dry.rows()) rows.push(...some);
    return { counted: dry.sources, rows };
  } finally {
    notes.close();
    await kept.close();
  }
}

test.each([0, 4, 1000])("a dry run tells repeated rows apart, %i rows held in memory", async (heldRows) => {
  const { counted, rows } = await plan(heldRows);
  expect(counted).toEqual([
    {
      rows: 6,
      planned: 3,
      known: 0,
      held: 0,
      repeated: 1,
      traces: 2,
      spans: 1,
      invalid: [{ code: "missing_trace_id", count: 2, example: { line: 3, message: "trace_id is empty" } }],
    },
  ]);
  expect(rows.map(({ row, status }) => `${row} ${status}`)).toEqual([
    "1 queued",
    "2 queued",
    "3 invalid",
    "4 queued",
    "5 duplicate",
    "6 invalid",
  ]);
});
