/** Results of queries as databases hand them out: names at one place, rows at another; and tables with more than rows in them. */
import { describe, expect, test } from "vitest";
import type { SourceOptions, SourcePlan } from "../../src/core/source.ts";
import { A, B, S1, S2, S3 } from "../support/exports.ts";
import { brief, readWithPlan, type Reading } from "../support/source-reading.ts";

const PAIRS = [`${A}/${S1}`, `${A}/${S2}`, `${B}/${S3}`];
const ROWS = [
  [A, S1],
  [A, S2],
  [B, S3],
];

interface Read {
  plan: SourcePlan | undefined;
  rows: string[];
  fault: Reading["fault"];
  /** Without the file's name. */
  warnings: string[];
}

async function read(content: unknown, options: Partial<SourceOptions> = {}): Promise<Read> {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  const { plan, rows, fault } = await readWithPlan(text, { unit: "span", ...options });
  const warnings = plan?.warnings.map((warning) => warning.replace(/^.*?ids\.csv: /, "")) ?? [];
  return { plan, rows: brief(rows), fault, warnings };
}

const lines = (...rows: unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

describe("ClickHouse", () => {
  const meta = [
    { name: "TraceId", type: "String" },
    { name: "SpanId", type: "String" },
  ];

  test.each([
    ["JSON", { meta, data: ROWS.map(([TraceId, SpanId]) => ({ TraceId, SpanId })), rows: 3 }],
    ["JSONCompact", { meta, data: ROWS, rows: 3, statistics: { elapsed: 0.1 } }],
    ["JSON, printed", JSON.stringify({ meta, data: ROWS, rows: 3 }, null, "\t")],
  ])("FORMAT %s is read", async (_, document) => {
    const { plan, rows, fault, warnings } = await read(document);
    expect(fault).toBeUndefined();
    expect(plan?.format).toBe("ClickHouse JSON");
    expect(rows).toEqual(PAIRS);
    expect(warnings).toEqual([]);
  });

  test("is a list: what was selected is what is sent", async () => {
    expect((await read({ meta, data: ROWS }, { unit: "auto" })).rows).toEqual(PAIRS);
    expect((await read({ meta, data: ROWS }, { unit: "trace" })).rows).toEqual([`${A}/`, `${B}/`]);
  });

  test("says how many rows a limit left out", async () => {
    const { warnings } = await read({ meta, data: ROWS, rows: 3, rows_before_limit_at_least: 9000 });
    expect(warnings).toEqual(["it holds 3 of 9000 records"]);
  });

  test.each([
    ["quoted", `"18446744073709551615"`],
    ["bare", "18446744073709551615"],
  ])("reads 64-bit numbers without loss: %s", async (_, number) => {
    const numbers = '[{"name":"trace_id","type":"UInt64"},{"name":"span_id","type":"UInt64"}]';
    for (const row of [`[${number},12]`, `{"trace_id":${number},"span_id":12}`]) {
      const { rows } = await read(`{"meta":${numbers},"data":[${row}]}`);
      expect(rows).toEqual(["18446744073709551615/12"]);
    }
  });

  test("that failed in the middle of a result is an error behind the rows before", async () => {
    const document = { meta, data: ROWS.slice(0, 1), exception: "Code: 241. DB::Exception: Memory limit" };
    const { rows, fault } = await read(document);
    expect(rows).toEqual(PAIRS.slice(0, 1));
    expect(fault).toMatchObject({
      code: "source_format",
      message: expect.stringMatching(/failed in the middle.*Memory limit/) as string,
    });
  });

  test("results with other columns behind one another are not mixed", async () => {
    const other = { meta: [meta[1], meta[0]], data: [[S1, A]] };
    const { rows, fault } = await read(lines({ meta, data: ROWS }, other));
    expect(rows).toEqual(PAIRS);
    expect(fault).toMatchObject({ message: expect.stringMatching(/:2: .*other columns/) as string });
  });

  test("missing and foreign values are no IDs", async () => {
    const data = [[null, S1], ["", S1], [["x"], S1], [`\\N`, S1], ["0".repeat(32), S1], "row"];
    expect((await read({ meta, data })).rows).toEqual([
      ...Array.from({ length: 5 }, () => "1:missing_trace_id"),
      "1:not_an_object",
    ]);
  });

  test("whole columns are refused by name", async () => {
    const { fault } = await read({ meta, data: { TraceId: [A], SpanId: [S1] }, rows: 1 });
    expect(fault).toMatchObject({ message: expect.stringMatching(/JSONColumnsWithMetadata/) as string });
  });

  test.each([
    ["WithNames", [["TraceId", "SpanId"]]],
    [
      "WithNamesAndTypes",
      [
        ["TraceId", "SpanId"],
        ["String", "LowCardinality(String)"],
      ],
    ],
  ])("FORMAT JSONCompactEachRow%s is read", async (_, head) => {
    const { plan, rows, fault } = await read(lines(...head, ...ROWS));
    expect(fault).toBeUndefined();
    expect(plan?.format).toBe("ClickHouse JSONCompactEachRow");
    expect(rows).toEqual(PAIRS);
  });

  test("FORMAT JSONCompactEachRow has no names: columns are given by number", async () => {
    const text = lines(...ROWS);
    expect((await read(text)).fault).toMatchObject({ code: "source_columns" });
    expect((await read(text, { traceColumn: "1", spanColumn: "2" })).rows).toEqual(PAIRS);
  });

  test("a broken line among arrays is an invalid row", async () => {
    const text = `${lines(["TraceId", "SpanId"], ROWS[0])}["${A}",\n{"a":1}\n${lines(ROWS[2])}`;
    expect((await read(text)).rows).toEqual([PAIRS[0], "3:invalid_json", "4:not_an_object", PAIRS[2]]);
  });

  test.each([
    [
      "CSV",
      `"TraceId","SpanId","Duration"\n"String","String","UInt64"\n${ROWS.map(([t, s]) => `"${t}","${s}",1\n`).join("")}`,
    ],
    [
      "TSV",
      `TraceId\tSpanId\tDuration\nString\tString\tDateTime64(9, \\'UTC\\')\n${ROWS.map(([t, s]) => `${t}\t${s}\t1\n`).join("")}`,
    ],
  ])("%sWithNamesAndTypes: the line of types is no record", async (_, text) => {
    const { rows, fault } = await read(text);
    expect(fault).toBeUndefined();
    expect(rows).toEqual(PAIRS);
  });

  test.each([
    ["its types", "TraceId\tSpanName\tSpanId\nString\tString\tString\n", "x"],
    ["its escapes", "TraceId\tSpanName\tSpanId\n", String.raw`it\'s`],
  ])("TSV that shows itself by %s has no cells in quotes", async (_, head, name) => {
    const text = `${head}${A}\t"${name}\t${S1}\n${B}\t${name}"\t${S3}\n\\N\t\\N\t${S2}\n`;
    const { rows, fault } = await read(text);
    expect(fault).toBeUndefined();
    expect(rows.slice(0, 2)).toEqual([`${A}/${S1}`, `${B}/${S3}`]);
    expect(rows[2]).toMatch(/:missing_trace_id$/);
  });

  test("TSV whose cells stand in quotes is read as spreadsheets write it", async () => {
    const text = `trace_id\tspan_id\tnote\n"${A}"\t"${S1}"\t"C:\\new\n\tline"\n`;
    expect((await read(text)).rows).toEqual([`${A}/${S1}`]);
  });
});

describe("BigQuery", () => {
  const f = (...values: unknown[]) => ({ f: values.map((v) => ({ v })) });
  const fields = [
    { name: "trace_id", type: "STRING" },
    {
      name: "context",
      type: "RECORD",
      fields: [
        { name: "span_id", type: "STRING" },
        { name: "n", type: "INTEGER" },
      ],
    },
  ];
  const rows = ROWS.map(([trace, span]) => f(trace, f(span, "1")));

  test("rows of the API are read, columns of records with their names before them", async () => {
    const answer = { kind: "bigquery#queryResponse", schema: { fields }, totalRows: "3", rows };
    const { plan, rows: found, fault, warnings } = await read(answer);
    expect(fault).toBeUndefined();
    expect(plan?.format).toBe("BigQuery API");
    expect(found).toEqual(PAIRS);
    expect(warnings).toEqual([]);
  });

  test("one page of several is a warning with the numbers", async () => {
    const { warnings } = await read({ schema: { fields }, totalRows: "900", pageToken: "t", rows });
    expect(warnings).toEqual([
      "it is one page of several: pageToken leads to the next; it holds 3 of 900 records",
    ]);
  });

  test("all pages one after the other are no more than they say", async () => {
    const page = (some: unknown[]) => ({ schema: { fields }, totalRows: "3", rows: some });
    const { rows: found, warnings } = await read(lines(page(rows.slice(0, 2)), page(rows.slice(2))));
    expect(found).toEqual(PAIRS);
    expect(warnings).toEqual([]);
  });

  test("bytes become hex, texts that look like them stay", async () => {
    const base64 = (hex: string) => Buffer.from(hex, "hex").toString("base64");
    const columns = [
      { name: "trace_id", type: "BYTES" },
      { name: "span_id", type: "BYTES" },
    ];
    const bytes = { schema: { fields: columns }, rows: [f(base64(A), base64(S1))] };
    expect((await read(bytes)).rows).toEqual([`${A}/${S1}`]);
    const texts = columns.map(({ name }) => ({ name, type: "STRING" }));
    expect((await read({ ...bytes, schema: { fields: texts } })).rows).toEqual([
      `${base64(A)}/${base64(S1)}`,
    ]);
  });

  test("rows in front of their columns' names are read by number", async () => {
    const answer = { rows: ROWS.map((row) => f(...row)), schema: { fields }, totalRows: "3" };
    expect((await read(answer)).fault).toMatchObject({ code: "source_columns" });
    expect((await read(answer, { traceColumn: "1", spanColumn: "2" })).rows).toEqual(PAIRS);
  });

  test("what `bq query` prints is a table or JSON", async () => {
    const drawn = `+-----+\n| trace_id | span_id |\n+-----+\n${ROWS.map((row) => `| ${row.join(" | ")} |\n`).join("")}+-----+\n`;
    expect((await read(drawn)).rows).toEqual(PAIRS);
    const json = ROWS.map(([trace_id, span_id]) => ({ trace_id, span_id, n: "1" }));
    expect((await read(json)).rows).toEqual(PAIRS);
  });
});

describe("Athena", () => {
  const row = (...values: (string | undefined)[]) => ({
    Data: values.map((value) => (value === undefined ? {} : { VarCharValue: value })),
  });
  const answer = (rows: unknown[], more: object = {}) => ({
    UpdateCount: 0,
    ResultSet: { Rows: rows, ResultSetMetadata: { ColumnInfo: [{ Name: "trace_id" }, { Name: "span_id" }] } },
    ...more,
  });

  test("the first row names the columns", async () => {
    const { plan, rows, fault } = await read(
      answer([row("trace_id", "span_id"), ...ROWS.map((one) => row(...one)), row(undefined, S1)]),
    );
    expect(fault).toBeUndefined();
    expect(plan?.format).toBe("Athena query results");
    expect(rows).toEqual([...PAIRS, "1:missing_trace_id"]);
  });

  test("a page is a warning; one behind the first has no names, and is read by number", async () => {
    const page = answer(
      ROWS.map((one) => row(...one)),
      { NextToken: "t" },
    );
    const { fault, warnings } = await read(page, { traceColumn: "1", spanColumn: "2" });
    expect(fault).toBeUndefined();
    expect(warnings).toEqual(["it is one page of several: NextToken leads to the next; it holds 3 records"]);
    expect((await read(page)).fault).toMatchObject({ code: "source_columns" });
  });
});

describe("Snowflake", () => {
  const rowType = [
    { name: "TRACE_ID", type: "text" },
    { name: "SPAN_ID", type: "text" },
  ];

  test("the first partition names the columns, and how many rows there are", async () => {
    const { plan, rows, warnings } = await read({
      resultSetMetaData: { numRows: 5, partitionInfo: [{ rowCount: 3 }, { rowCount: 2 }], rowType },
      data: ROWS,
      code: "090001",
    });
    expect(plan?.format).toBe("Snowflake SQL API");
    expect(rows).toEqual(PAIRS);
    expect(warnings).toEqual(["it holds 3 of 5 records"]);
  });

  test("partitions behind the first are read by the numbers of their columns", async () => {
    expect((await read({ data: ROWS })).fault).toMatchObject({ code: "source_columns" });
    expect((await read({ data: ROWS }, { traceColumn: "1", spanColumn: "2" })).rows).toEqual(PAIRS);
  });

  test("a table of snowsql is read, its last line left out", async () => {
    const drawn = `+---+---+\n| TRACE_ID | SPAN_ID |\n|---+---|\n| ${A} | ${S1} |\n+---+---+\n1 Row(s) produced. Time Elapsed: 0.215s\n`;
    expect((await read(drawn)).rows).toEqual([`${A}/${S1}`]);
  });
});

describe("psql", () => {
  const HEAD = " trace_id | span_id | input \n----------+---------+-------\n";

  test("a drawn table is read: lines that go on, the count and the time are no rows", async () => {
    const text = `${HEAD} ${A} | ${S1} | first +\n   |   | second +\n   |   | \n ${B} | ${S3} | C+\n ${A} | ${S2} | x\n(3 rows)\n\nTime: 3.456 ms\n`;
    const { rows, fault } = await read(text);
    expect(fault).toBeUndefined();
    expect(rows).toEqual([`${A}/${S1}`, `${B}/${S3}`, `${A}/${S2}`]);
  });

  test("a table drawn so narrow that IDs are cut is refused, and half an ID is never a row", async () => {
    const text = `${HEAD} ${B} | ${S3} | x\n ${A.slice(0, 16)}.| ${S1} | x\n.${A.slice(16)} | | \n`;
    const { rows, fault } = await read(text);
    expect(rows).toEqual([`${B}/${S3}`]);
    expect(fault).toMatchObject({ message: expect.stringMatching(/:5: .*cut in two/) as string });
  });
});

describe("what clients show on a terminal is refused by name", () => {
  test.each([
    [/psql's expanded display/, `-[ RECORD 1 ]----\ntrace_id | ${A}\n`],
    [
      /mysql's vertical display/,
      `*************************** 1. row ***************************\ntrace_id: ${A}\n`,
    ],
    [/FORMAT Vertical/, `Row 1:\n──────\nTraceId: ${A}\n`],
    [/FORMAT Pretty/, `┌─TraceId─┬─SpanId─┐\n│ ${A} │ ${S1} │\n└─────────┴────────┘\n`],
    [/FORMAT Pretty/, `   ┌─TraceId─┐\n1. │ ${A} │\n   └─────────┘\n`],
    [/FORMAT Pretty/, `┏━━━━━━━━━┓\n┃ TraceId ┃\n┡━━━━━━━━━┩\n│ ${A} │\n└─────────┘\n`],
    [/DuckDB drew/, `┌──────────┐\n│ trace_id │\n│ varchar  │\n├──────────┤\n│ ${A} │\n└──────────┘\n`],
    [/Polars printed/, `shape: (1, 1)\n┌──────────┐\n│ trace_id │\n╞══════════╡\n│ ${A} │\n└──────────┘\n`],
  ])("%s", async (message, text) => {
    const { rows, fault } = await read(text);
    expect(rows).toEqual([]);
    expect(fault).toMatchObject({
      code: "source_format",
      message: expect.stringMatching(message) as string,
      next: expect.stringMatching(/\S/) as string,
    });
  });

  test("a box of sqlite3 is none of them", async () => {
    const text = `┌──────────┬─────────┐\n│ trace_id │ span_id │\n├──────────┼─────────┤\n│ ${A} │ ${S1} │\n└──────────┴─────────┘\n`;
    expect((await read(text)).rows).toEqual([`${A}/${S1}`]);
  });
});
