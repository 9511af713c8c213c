/** What an import says of its sources before it sends their rows. */
import { afterEach, expect, test, vi } from "vitest";
import { lookAtSources } from "../../src/cli/look-at-sources.ts";
import type { OpenedSources, SourcePlan } from "../../src/core/source.ts";
import { sourcePlan } from "../support/scripted-sources.ts";

const SIGNAL = new AbortController().signal;

afterEach(() => vi.useRealTimers());

async function notesOf(
  plan: () => Promise<SourcePlan[]>,
  share?: number,
  signal = SIGNAL,
  notes: string[] = [],
): Promise<[string[], string[]]> {
  const sources: OpenedSources = {
    names: [],
    facts: [],
    plan,
    seen: () => [],
    readShare: () => share,
    // oxlint-disable-next-line require-yield -- nothing is read here
    async *rows() {
      throw new Error("rows were read");
    },
  };
  const warnings = await lookAtSources(sources, (text) => notes.push(text), signal);
  return [notes, warnings];
}

test.each<[string, Partial<SourcePlan>, string[]]>([
  ["a list without spans", {}, []],
  ["what was not counted", { distinct: undefined }, []],
  [
    "a list with spans",
    { distinct: { traces: 1, spans: 2_000 } },
    ["rows.csv: CSV, 9 records, 2,000 spans of 1 trace, one row for each record (--unit trace: 1 row)"],
  ],
  [
    "an export",
    {
      unit: "trace",
      distinct: { traces: 2, spans: 3 },
      passedOver: [
        { what: "log batches", count: 4 },
        { what: "metric batches", count: 1 },
        { what: "lines of other output", count: 1 },
      ],
    },
    [
      "rows.csv: CSV, 3 spans of 2 traces, one row for each trace (--unit span: 3 rows); 4 log batches passed over; 1 metric batch passed over; 1 line of other output passed over",
    ],
  ],
  [
    "its spans, from standard input",
    { name: "-", unit: "span", distinct: { traces: 2, spans: 3 } },
    ["standard input: CSV, 3 spans of 2 traces, one row for each span (--unit trace: 2 rows)"],
  ],
  ["traces alone", { unit: "trace" }, ["rows.csv: CSV, 1,234 traces, one row for each trace"]],
  [
    "a part",
    { warnings: ["rows.csv: it holds 1 of 2 records"] },
    ["warning: rows.csv: it holds 1 of 2 records"],
  ],
])("of %s: both numbers, and the flag that chooses the other one", async (_what, change, lines) => {
  const plan = sourcePlan(change);
  expect(await notesOf(() => Promise.resolve([plan]))).toEqual([lines, plan.warnings]);
});

test("where reading takes long, it says how far it is, and that nothing is sent yet", async () => {
  vi.useFakeTimers();
  const slowly = () => new Promise<SourcePlan[]>((resolve) => setTimeout(() => resolve([]), 11_000));
  const looking = [0.43, undefined].map((share) => notesOf(slowly, share));
  await vi.advanceTimersByTimeAsync(11_000);
  const [known, unknown] = (await Promise.all(looking)).map(([notes]) => notes);
  expect(known).toEqual(Array.from({ length: 2 }, () => "reading, nothing is sent yet: 43 %"));
  expect(unknown).toEqual(Array.from({ length: 2 }, () => "reading, nothing is sent yet"));
  expect(vi.getTimerCount()).toBe(0);
});

test("where it is stopped, it says that nothing was sent", async () => {
  const notes: string[] = [];
  const looking = notesOf(() => Promise.reject(new Error("stop")), undefined, AbortSignal.abort(), notes);
  await expect(looking).rejects.toThrow("stop");
  expect(notes).toEqual(["nothing was sent"]);
});
