/** The plan of a dry run as a person sees it. */
import { expect, test } from "vitest";
import { renderSummary } from "../../src/cli/show/summary-text.ts";
import { displayWidth } from "../../src/cli/show/layout.ts";
import { buildPlan, type PlanInput } from "../../src/report/plan.ts";
import { counts, summary } from "./show-fixture.ts";

const ESCAPE = "\u001b[2J";

function planOf(change: Partial<PlanInput> = {}) {
  return buildPlan({
    plans: [
      {
        name: `exports/${"long".repeat(30)}${ESCAPE}.json`,
        format: "OTLP JSON",
        formatName: "otlp",
        reason: "it has resourceSpans",
        unit: "trace",
        columns: { trace: `attributes.tid${ESCAPE}`, span: undefined, group: undefined },
        records: 12_000,
        leftOut: [{ condition: `attributes.env=prod${ESCAPE}`, records: 30, lacking: 4 }],
        distinct: { traces: 800, spans: 11_900 },
        repeated: 70,
        passedOver: [{ what: "log batches", count: 3 }],
        warnings: [],
      },
    ],
    rows: [
      {
        rows: 801,
        planned: 700,
        known: 99,
        held: 1,
        repeated: 0,
        traces: 800,
        spans: 0,
        invalid: [{ code: "missing_trace_id", count: 1, example: { line: 7, message: "trace_id is empty" } }],
      },
    ],
    ratePerSecond: 10,
    remote: {
      tracesAsked: 50,
      found: 40,
      traceNotFound: 8,
      spanNotFound: 1,
      notAsked: 1,
      reason: "api.example answers 500",
      groups: [{ datasetGroupId: "7", found: false }],
      examples: [{ source: 0, line: 9, traceId: `t${ESCAPE}`, spanId: "", code: "trace_not_found" }],
    },
    ...change,
  });
}

function shown(columns: number): string {
  const dry = summary({
    plan: planOf(),
    counts: counts({ planned: 700 }),
    next: [],
    reportDir: "r",
    errors: [],
  });
  return renderSummary(dry, { color: false, columns });
}

test("names format, columns, records, both units, rows and what the API says", () => {
  const text = shown(1000);
  for (const part of [
    "OTLP JSON: it has resourceSpans",
    "trace_id from attributes.tid",
    "12,000 records read · 30 left out by --where attributes.env=prod\\x1b[2J, 4 of them without the field · 3 log batches passed over",
    "11,900 spans of 800 traces · one row for each trace (--unit span: 11,900 rows)",
    "700 rows would be sent · 99 known as added · 1 held: outcome unknown · 70 repeated · 1 invalid",
    "50 rows asked about (50 traces) · 40 found · 8 whose trace is not there",
    "dataset group 7 was not found",
    "no trace t\\x1b[2J",
    "700 requests, 1 min 10 s",
  ]) {
    expect(text).toContain(part);
  }
});

test("fits into 80 columns, and prints nothing that a terminal would act on", () => {
  const text = shown(80);
  expect(text).not.toContain("\u001b");
  const lines = text.split("\n");
  const at = lines.indexOf("Sources");
  expect(at).toBeGreaterThan(0);
  for (const line of lines) expect(displayWidth(line), line).toBeLessThanOrEqual(80);
});

test("the summary's plan has one shape, and counts each request once", () => {
  const plan = planOf();
  expect([plan.requests, plan.durationMs]).toEqual([700, 70_000]);
  expect(plan.sources[0]).toMatchObject({
    format: "otlp",
    title: "OTLP JSON",
    columns: { spanId: null },
    invalid: [
      {
        code: "missing_trace_id",
        count: 1,
        example: expect.stringMatching(/:7: trace_id is empty$/) as string,
      },
    ],
  });
  expect(planOf({ ratePerSecond: undefined, remote: undefined })).toMatchObject({
    durationMs: null,
    remote: null,
  });
});
