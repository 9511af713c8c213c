import { describe, expect, test } from "vitest";
import { TraceloadError } from "../../src/core/errors.ts";
import { HEAD_CHARS, MAX_RECORD_CHARS } from "../../src/sources/record.ts";
import { brief, readFileOf, readStdin } from "../support/source-reading.ts";

const lines = (rows: { line: number }[]): number[] => rows.map(({ line }) => line);

describe("tables", () => {
  test("a header names the columns, and the rows know their lines", async () => {
    const { rows, fault } = await readFileOf("trace_id,span_id\nt1,s1\nt2,\n");
    expect(fault).toBeUndefined();
    expect(rows).toEqual([
      { source: 0, line: 2, datasetGroupId: "42", traceId: "t1", spanId: "s1", invalid: undefined },
      { source: 0, line: 3, datasetGroupId: "42", traceId: "t2", spanId: "", invalid: undefined },
    ]);
  });

  test.each([
    ["comma", "Trace ID,name,SpanId\nt1,x,s1\n"],
    ["semicolon", 'Trace ID;"a,b,c,d";SpanId\nt1;x;s1\n'],
    ["tab", "Trace ID\tname\tSpanId\nt1\tx\ts1\n"],
    ["pipe", "Trace ID|name|SpanId\nt1|x|s1\n"],
  ])("the delimiter is found in the header: %s", async (_name, text) => {
    expect(brief((await readFileOf(text)).rows)).toEqual(["t1/s1"]);
  });

  test("delimiters in later lines do not count", async () => {
    const { rows } = await readFileOf("trace_id,note\nt1,a;b;c;d;e;f\nt2,g;h;i\n");
    expect(brief(rows)).toEqual(["t1/", "t2/"]);
  });

  test("the delimiter of a long header is the same in pieces of any size", async () => {
    const half = HEAD_CHARS / 2;
    // Behind the head there are so many commas that they would be more than the semicolons.
    const text = `trace_id;${";".repeat(half)}${",".repeat(HEAD_CHARS)}\nt1;s1\n`;
    for (const pieceBytes of [100, 30_000, 200_000]) {
      expect(brief((await readStdin(text, {}, pieceBytes)).rows)).toEqual(["t1/"]);
    }
  });

  test("--format tsv takes tabs, whatever the header holds", async () => {
    const { rows } = await readFileOf("trace_id\tspan_id,a,b,c\nt1\ts1\n", {
      format: "tsv",
      spanColumn: "2",
    });
    expect(brief(rows)).toEqual(["t1/s1"]);
  });

  test("a record's line is the one it starts on, whatever the line ends are", async () => {
    const text = 'trace_id,note\r\nt1,"a\r\nb\nc"\r\n\nt2,x\n\r\n\r\nt3,"\n\n"\nt4,y';
    const { rows } = await readFileOf(text);
    expect(brief(rows)).toEqual(["t1/", "t2/", "t3/", "t4/"]);
    expect(lines(rows)).toEqual([2, 6, 9, 12]);
  });

  test("lines that end in a carriage return alone are lines", async () => {
    const { rows } = await readFileOf("trace_id,span_id\rt1,s1\rt2,s2\r");
    expect(brief(rows)).toEqual(["t1/s1", "t2/s2"]);
    expect(lines(rows)).toEqual([2, 3]);
  });

  test("white space around IDs is not part of them", async () => {
    const { rows } = await readFileOf('trace_id , span_id\n t1 ,"\ts1 "\n');
    expect(brief(rows)).toEqual(["t1/s1"]);
  });

  test("quotes inside a cell that is not quoted are part of it", async () => {
    const { rows } = await readFileOf('trace_id,span_id,size\nt1,s1,5" pipe\nt2,s2,"6"" pipe"\n');
    expect(brief(rows)).toEqual(["t1/s1", "t2/s2"]);
  });

  test("an empty file, one of blank lines, and a header alone have no rows", async () => {
    for (const text of ["", "\n\r\n\n", "trace_id,span_id\n", "trace_id"]) {
      expect(await readFileOf(text)).toEqual({ rows: [], batches: [], fault: undefined });
    }
  });

  test("empty records count in the middle, and are nothing at the end", async () => {
    const { rows } = await readFileOf("trace_id,span_id\nt1,s1\n,\nt2,s2\n,\n,\n , \n");
    expect(brief(rows)).toEqual(["t1/s1", "3:missing_trace_id", "t2/s2"]);
  });

  test("batches hold at most 1,000 rows", async () => {
    const ids = Array.from({ length: 2500 }, (_, index) => `trace-${index}`);
    const { rows, batches } = await readFileOf(`trace_id\n${ids.join("\n")}\n`);
    expect(rows.map(({ traceId }) => traceId)).toEqual(ids);
    expect(Math.max(...batches)).toBeLessThanOrEqual(1000);
  });
});

describe("tables that a database client prints", () => {
  const wanted = ["4bf92f3577b34da6/s1", "00f067aa0ba902b7/s2"];

  test.each([
    [
      "psql",
      " trace_id | span_id \n----------+---------\n 4bf92f3577b34da6 | s1\n 00f067aa0ba902b7 | s2\n(2 rows)\n\n",
    ],
    ["psql, unaligned", "trace_id|span_id\n4bf92f3577b34da6|s1\n00f067aa0ba902b7|s2\n(2 rows)\n"],
    [
      "mysql",
      "+---+---+\n| trace_id | span_id |\n+---+---+\n| 4bf92f3577b34da6 | s1 |\n| 00f067aa0ba902b7 | s2 |\n+---+---+\n",
    ],
    [
      "sqlite3, markdown",
      "| trace_id | span_id |\n|---|---|\n| 4bf92f3577b34da6 | s1 |\n| 00f067aa0ba902b7 | s2 |\n",
    ],
    [
      "sqlite3, box",
      "┌───┬───┐\n│ trace_id │ span_id │\n├───┼───┤\n│ 4bf92f3577b34da6 │ s1 │\n│ 00f067aa0ba902b7 │ s2 │\n└───┴───┘\n",
    ],
  ])("%s: strokes and row counts are no rows", async (_name, text) => {
    const { rows, fault } = await readFileOf(text);
    expect(fault).toBeUndefined();
    expect(brief(rows)).toEqual(wanted);
  });
});

describe("records with another number of cells", () => {
  test("are taken where nothing but the identity stands in front", async () => {
    const { rows } = await readFileOf("trace_id,span_id,note,more\nt1,s1\nt2,s2,a,b,c,d\n");
    expect(brief(rows)).toEqual(["t1/s1", "t2/s2"]);
  });

  test("are invalid where another column stands in front, or an identity cell is missing", async () => {
    const { rows } = await readFileOf("note,trace_id,span_id\na,b,t1,s1\nx,t2\nok,t3,s3\n");
    expect(brief(rows)).toEqual(["2:column_count", "3:column_count", "t3/s3"]);
    expect(rows[0]).toMatchObject({ traceId: "", spanId: "" });
    expect(brief((await readFileOf("trace_id,span_id\nt1\nt2,s2\n")).rows)).toEqual([
      "2:column_count",
      "t2/s2",
    ]);
  });

  test("trailing empty cells mean nothing", async () => {
    const { rows } = await readFileOf("note,trace_id\na,t1,,,\nb,t2\n");
    expect(brief(rows)).toEqual(["t1/", "t2/"]);
  });
});

describe("records that are too long, and quotes never closed", () => {
  const long = "x".repeat(MAX_RECORD_CHARS + 1);

  test("a longer line is an invalid row, and the rest goes on", async () => {
    const { rows, fault } = await readFileOf(`trace_id,note\nt1,a\nt2,${long}\n\nt3,c\n`);
    expect(fault).toBeUndefined();
    expect(brief(rows)).toEqual(["t1/", "3:line_too_long", "t3/"]);
    expect(lines(rows)).toEqual([2, 3, 5]);
  });

  test("a longer quoted record with line breaks in it ends where its quotes end", async () => {
    const cell = `"${`row,"" of text\n`.repeat(80_000)}"`;
    const { rows } = await readFileOf(`trace_id,note\nt1,a\nt2,${cell}\nt3,c\n`);
    expect(brief(rows)).toEqual(["t1/", "3:line_too_long", "t3/"]);
    expect(lines(rows)).toEqual([2, 3, 80_004]);
  });

  test("a stray quote costs its own line", async () => {
    const { rows, fault } = await readFileOf('trace_id,span_id\nt1,s1\n"t2,s2\nt3,s3\nt4,s4\n');
    expect(fault).toBeUndefined();
    expect(brief(rows)).toEqual(["t1/s1", "3:unclosed_quote", "t3/s3", "t4/s4"]);
    expect(lines(rows)).toEqual([2, 3, 4, 5]);
  });

  test("a file cut off inside a quoted cell ends with one invalid row", async () => {
    const { rows, fault } = await readFileOf('trace_id,note\nt1,a\nt2,"some text\nmore text\n');
    expect(fault).toBeUndefined();
    expect(brief(rows)).toEqual(["t1/", "3:unclosed_quote"]);
  });

  test("stray quotes without end are an error, and are not tried for ever", async () => {
    const { rows, fault } = await readFileOf(`trace_id,span_id\n${'t"1,"s\n'.repeat(2_000)}`);
    expect(new Set(rows.map(({ invalid }) => invalid?.code))).toEqual(new Set(["unclosed_quote"]));
    expect(rows).toHaveLength(100);
    expect(fault).toMatchObject({ code: "source_format" });
  });

  test("a quote that swallows more than a record may hold is an error, after the rows before it", async () => {
    const { rows, fault } = await readFileOf(`trace_id,note\nt1,a\nt2,"${"text\n".repeat(300_000)}`);
    expect(brief(rows)).toEqual(["t1/", "3:line_too_long"]);
    expect(fault).toBeInstanceOf(TraceloadError);
    expect(fault).toMatchObject({
      code: "source_format",
      message: expect.stringMatching(/ids\.csv:3: a quote is opened/) as string,
    });
  });
});
