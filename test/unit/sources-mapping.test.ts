/** `--map` and `--where`: which records become rows, and where their IDs stand. */
import { describe, expect, test } from "vitest";
import { Readable } from "node:stream";
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import type { SourceOptions, SourcePlan } from "../../src/core/source.ts";
import { openSources } from "../../src/sources/open.ts";
import { brief, collect, DEFAULT_OPTIONS, inDirectory, type Reading } from "../support/source-reading.ts";

const SIGNAL = new AbortController().signal;

function read(
  texts: readonly string[],
  options: Partial<SourceOptions>,
): Promise<Reading & { plans: SourcePlan[]; planFault: unknown }> {
  return inDirectory(async (directory) => {
    const paths = texts.map((text, index) => {
      const path = join(directory, `${index}`);
      writeFileSync(path, text);
      return path;
    });
    const sources = await openSources(
      paths,
      { ...DEFAULT_OPTIONS, ...options },
      { stdin: Readable.from([]) },
    );
    let planFault: unknown;
    await sources.plan(SIGNAL).catch((error: unknown) => (planFault = error));
    if (planFault !== undefined) return { rows: [], batches: [], fault: planFault, plans: [], planFault };
    const reading = await collect(sources.rows(SIGNAL));
    return { ...reading, plans: sources.seen(), planFault };
  });
}

const ndjson = (...records: object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join("");

/** Spans of OTLP JSON: [trace, span, attributes]. */
function otlp(...spans: [string, string, Record<string, unknown>][]): string {
  return JSON.stringify({
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: spans.map(([traceId, spanId, attributes]) => ({
              traceId,
              spanId,
              name: "call",
              attributes: Object.entries(attributes).map(([key, value]) => ({
                key,
                value: typeof value === "number" ? { intValue: String(value) } : { stringValue: value },
              })),
            })),
          },
        ],
      },
    ],
  });
}

describe("--map", () => {
  test("finds IDs in JSON by paths, digit for digit", async () => {
    const text = `{"a":{"ids":[{"odd.key":12345678901234567890}]},"s":"s1","g":7}\n{"a":{"ids":[{}]},"s":"s2","g":7}\n`;
    const { rows } = await read([text], {
      map: { trace: 'a.ids[0]["odd.key"]', span: "s", group: "g" },
    });
    expect(brief(rows)).toEqual(["12345678901234567890/s1", "2:missing_trace_id"]);
    expect(rows[0]?.datasetGroupId).toBe("7");
  });

  test("takes a table's columns by name, number, or a name in brackets", async () => {
    const { rows } = await read(["a.b,x=y,trace_id\nt1,s1,no\n"], { map: { trace: '["a.b"]', span: "2" } });
    expect(brief(rows)).toEqual(["t1/s1"]);
  });

  test("finds IDs in the attributes of spans, beside --group-column", async () => {
    const text = otlp(["a1", "b1", { tid: "t1", group: 7 }], ["a1", "b2", { tid: "t2", group: 8 }]);
    const { rows, plans } = await read([text], {
      map: { trace: "attributes.tid" },
      groupColumn: "attributes.group",
      unit: "span",
    });
    expect(rows.map(({ traceId, spanId, datasetGroupId }) => [traceId, spanId, datasetGroupId])).toEqual([
      ["t1", "b1", "7"],
      ["t2", "b2", "8"],
    ]);
    expect(plans[0]?.columns).toEqual({
      trace: "attributes.tid",
      span: undefined,
      group: "attributes.group",
    });
  });

  test.each([
    ["JSON", ndjson({ id: "t1", meta: { "k.v": 1 } }), '"id", "meta.k.v"'],
    ["spans", otlp(["a1", "b1", { tid: "t1" }]), '"attributes.tid"'],
    ["a table", "trace_id,note\nt1,x\n", '"trace_id", "note"'],
  ])("to what is in no record of %s is one error that says what is there", async (_, text, there) => {
    const { planFault } = await read([text], { map: { trace: "attributes.nope" } });
    expect(planFault).toMatchObject({
      code: "source_columns",
      message: expect.stringContaining(there) as string,
      next: "Check --map trace_id=.",
    });
  });

  test("a key of a list that no record has ends the import before, by whatever flag it was named", async () => {
    const text = '{"trace_id":"t1"}\n{"trace_id":"t2","span_id":"s"}\n';
    for (const [flag, options] of [
      ["--span-column", { spanColumn: "nope" }],
      ["--group-column", { groupColumn: "nope" }],
    ] as const) {
      const { planFault } = await read([text], options);
      expect(planFault).toMatchObject({ code: "source_columns", next: `Check ${flag}.` });
      // Of those that are not wanted it is not known.
      expect((await read([text], { ...options, limit: 1 })).planFault).toBeUndefined();
    }
    expect((await read([text], { traceColumn: "nope" })).fault).toMatchObject({
      code: "source_columns",
      message: expect.stringContaining('has no key "nope"; it has "trace_id"') as string,
      next: "Check --trace-column.",
    });
  });

  test("of a span ID that no record has is an error, and with --unit trace no matter", async () => {
    const text = ndjson({ trace_id: "t1" });
    expect((await read([text], { map: { span: "sid" } })).planFault).toMatchObject({
      code: "source_columns",
    });
    expect(brief((await read([text], { map: { span: "sid" }, unit: "trace" })).rows)).toEqual(["t1/"]);
  });

  test("beside the column's flag is wrong usage", async () => {
    await expect(read(["trace_id\nt1\n"], { map: { trace: "a" }, traceColumn: "b" })).rejects.toMatchObject({
      code: "wrong_usage",
    });
  });
});

describe("--where", () => {
  test("takes the records that all conditions hold for, and counts the others", async () => {
    const text = ndjson(
      { trace_id: "t1", env: "prod", ms: 900 },
      { trace_id: "t2", env: "dev", ms: 900 },
      { trace_id: "t3", env: "prod", ms: 9 },
      { trace_id: "t4", env: "prod" },
    );
    const { rows, plans } = await read([text], { where: ["env=prod", "ms>50"] });
    expect(brief(rows)).toEqual(["t1/"]);
    expect(plans[0]).toMatchObject({
      records: 4,
      unit: "line",
      leftOut: [
        { condition: "env=prod", records: 1, lacking: 0 },
        { condition: "ms>50", records: 2, lacking: 1 },
      ],
    });
  });

  test("keeps every line of a list a row, duplicates and spans too", async () => {
    const { rows } = await read(["trace_id,span_id,x\nt1,s1,1\nt1,s1,1\nt1,s2,2\n"], { where: ["x=1"] });
    expect(brief(rows)).toEqual(["t1/s1", "t1/s1"]);
  });

  test("of spans counts the traces that are left", async () => {
    const text = otlp(["a1", "b1", { e: "x" }], ["a1", "b2", {}], ["a2", "b3", {}]);
    const { rows, plans } = await read([text], { where: ["attributes.e=x"] });
    expect(brief(rows)).toEqual(["a1/"]);
    expect(plans[0]?.distinct).toEqual({ spans: 1, traces: 1 });
  });

  test("compares whole numbers digit for digit", async () => {
    const text = '{"trace_id":"t1","n":9007199254740993}\n{"trace_id":"t2","n":9007199254740992}\n';
    expect(brief((await read([text], { where: ["n=9007199254740993"] })).rows)).toEqual(["t1/"]);
  });

  test("leaves lines that cannot be read what they are", async () => {
    const { rows } = await read(['{"trace_id":"t1","a":1}\n{broken\n{"trace_id":"t2","a":2}\n'], {
      where: ["a=2"],
    });
    expect(brief(rows)).toEqual(["2:invalid_json", "t2/"]);
    const table = await read(["note,a,trace_id\nx,2,t1\nx,2\n"], { where: ["a=2"] });
    expect(brief(table.rows)).toEqual(["t1/", "3:column_count"]);
  });

  test("looks at a table's columns by their names or numbers, without a header too", async () => {
    expect(
      brief((await read(["trace_id,Latency Ms\nt1,5\nt2,50\n"], { where: ["latency_ms>9"] })).rows),
    ).toEqual(["t2/"]);
    const bare = { where: ["2>9"], traceColumn: "1" };
    expect(brief((await read(["abc1,5\nabc2,50\n"], bare)).rows)).toEqual(["abc2/"]);
  });

  test("with a misspelt field never reads on, whatever its operator", async () => {
    for (const text of [ndjson({ trace_id: "t1", env: "x" }), "trace_id,env\nt1,x\n"]) {
      for (const condition of ["evn=x", "evn=", "evn!=x"]) {
        const { planFault, rows } = await read([text], { where: [condition] });
        expect(planFault).toMatchObject({
          code: "source_columns",
          message: expect.stringContaining('"env"') as string,
        });
        expect(rows).toEqual([]);
      }
    }
  });

  test("with a field that only some JSON sources have warns of the others", async () => {
    const { rows, plans } = await read([ndjson({ trace_id: "t1" }), ndjson({ trace_id: "t2", bad: true })], {
      where: ["bad=true"],
    });
    expect(brief(rows)).toEqual(["t2/"]);
    expect(plans.map(({ warnings }) => warnings.length)).toEqual([1, 0]);
  });

  test("lets --skip and --limit count what is left", async () => {
    const text = `trace_id,x\n${[1, 2, 3, 4, 5, 6].map((n) => `t${n},${n % 2}\n`).join("")}`;
    expect(brief((await read([text], { where: ["x=1"], skip: 1, limit: 1 })).rows)).toEqual(["t3/"]);
  });
});

describe("a damaged ID", () => {
  const table = (ids: readonly string[]) => `trace_id\n${ids.join("\n")}\n`;

  test("that ends in zeros behind 15 digits is invalid, with cause and cure", async () => {
    const { rows } = await read([table(["123456789012345000", "987654321098765000"])], {});
    expect(brief(rows)).toEqual(["2:excel_damage", "3:excel_damage"]);
    expect(rows[0]?.invalid?.message).toMatch(/spreadsheet.*export the file again, with the ID as text/);
  });

  test("is none among many that are whole", async () => {
    const whole = Array.from({ length: 60 }, (_, n) => String(1234567890123456001n + BigInt(n)));
    const { rows } = await read([table([...whole, "1234567890123450000"])], {});
    expect(rows.filter(({ invalid }) => invalid !== undefined)).toEqual([]);
  });

  test("of stripped zeros is a warning, and --pad-ids says how many it gave back", async () => {
    const ids = ["0af7651916cd43dd8448eb211c80319c", "af7651916cd43dd8448eb211c80319c", "1".repeat(32)];
    const { plans } = await read([table(ids)], {});
    expect(plans[0]?.warnings).toEqual([expect.stringMatching(/1 trace_id has fewer than 32 .*--pad-ids/)]);
    const padded = await read([table(ids)], { padIds: true });
    expect(padded.plans[0]?.warnings).toEqual([expect.stringMatching(/1 ID was given its/)]);
  });
});
