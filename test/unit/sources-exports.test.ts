/** Tracing systems' exports as they are: what they are recognised as, and the spans and traces that they name. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { SOURCE_FORMATS, type SourceOptions, type SourcePlan } from "../../src/core/source.ts";
import { FORMATS } from "../../src/sources/formats/registry.ts";
import { openSources } from "../../src/sources/open.ts";
import { EXPORTS, A, B, S1, S2, S3 } from "../support/exports.ts";
import { LLM_EXPORTS } from "../support/llm-exports.ts";
import { DEFAULT_OPTIONS, brief, collect, inDirectory } from "../support/source-reading.ts";

interface Read {
  plan: SourcePlan | undefined;
  rows: string[];
  fault: unknown;
}

function read(text: string, options: Partial<SourceOptions> = {}): Promise<Read> {
  return inDirectory(async (directory) => {
    const file = join(directory, "export");
    writeFileSync(file, text);
    const { signal } = new AbortController();
    const sources = await openSources(
      [file],
      { ...DEFAULT_OPTIONS, ...options },
      { stdin: Readable.from([]) },
    );
    const [plan] = await sources.plan(signal);
    const { rows, fault } = await collect(sources.rows(signal));
    return { plan, rows: brief(rows), fault };
  });
}

const EXAMPLES = [...EXPORTS, ...LLM_EXPORTS];

const titleOf = (name: string): string | undefined => FORMATS.find((format) => format.name === name)?.title;
const tracesOf = (pairs: readonly string[]): string[] => [
  ...new Set(pairs.map((pair) => `${pair.slice(0, pair.indexOf("/"))}/`)),
];

describe("formats", () => {
  test("that --format takes are those there are", () => {
    expect([...SOURCE_FORMATS].sort()).toEqual(["auto", ...FORMATS.map(({ name }) => name)].sort());
  });

  test("of exports in text have each an example here", () => {
    const shown = new Set(EXAMPLES.map(({ format }) => format));
    expect(FORMATS.filter(({ name, spans }) => spans && name !== "parquet" && !shown.has(name))).toEqual([]);
  });
});

describe.each(EXAMPLES)(
  "$format: $what",
  ({ format, document, pairs, roots, passedOver = [], warnings = [] }) => {
    const text = typeof document === "string" ? document : JSON.stringify(document);

    test("is recognised, and its spans are read", async () => {
      const { plan, rows, fault } = await read(text, { unit: "span" });
      expect(fault).toBeUndefined();
      expect(plan?.format).toBe(titleOf(format));
      expect(plan?.reason).toMatch(/^it has \S/);
      expect(rows).toEqual(pairs.map((pair) => (pair.endsWith("/") ? "1:missing_span_id" : pair)));
      expect(plan?.passedOver.map(({ what, count }) => `${count} ${what}`)).toEqual(passedOver);
      expect(plan?.warnings.map((warning) => warning.replace(/^.*?export: /, ""))).toEqual(warnings);
    });

    test("is each of its traces, once", async () => {
      const { plan, rows } = await read(text);
      expect(rows).toEqual(tracesOf(pairs));
      const spans = pairs.filter((pair) => !pair.endsWith("/")).length;
      expect(plan).toMatchObject({ unit: "trace", distinct: { traces: rows.length, spans } });
    });

    test("is its roots with --root-only", async () => {
      const { rows } = await read(text, { unit: "span", rootOnly: true });
      expect(rows.filter((row) => !row.includes(":missing"))).toEqual(
        roots ?? pairs.filter((pair) => !pair.endsWith("/")),
      );
    });

    test("is the same by its name, and printed over many lines", async () => {
      const named = await read(text, { unit: "span", format });
      expect(named.fault).toBeUndefined();
      expect(named.plan?.format).toBe(titleOf(format));
      if (typeof document === "string") return;
      const printed = await read(JSON.stringify(document, null, 2), { unit: "span" });
      expect(printed.plan?.format).toBe(titleOf(format));
      expect(printed.rows.filter((row) => !row.includes(":missing"))).toEqual(
        named.rows.filter((row) => !row.includes(":missing")),
      );
    });
  },
);

describe("one export a line", () => {
  const line = (trace: string, span: string): string =>
    JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: trace, spanId: span }] }] }] });

  test("goes on behind a line that is broken, be it the first", async () => {
    const good = [line(A, S1), line(B, S2)];
    for (const lines of [
      [good[0], "{oops", good[1]],
      ['{"resourceSpans":[{"scopeSp', ...good],
    ]) {
      const { rows, fault } = await read(lines.join("\n"), { unit: "span" });
      expect(fault).toBeUndefined();
      expect(rows.filter((row) => !row.endsWith("invalid_json"))).toEqual([`${A}/${S1}`, `${B}/${S2}`]);
      expect(rows).toHaveLength(3);
    }
  });

  test("that is cut off at its end says so behind the rows before", async () => {
    const { rows, fault } = await read(`${line(A, S1)}\n${line(B, S2).slice(0, -4)}`, { unit: "span" });
    expect(rows).toEqual([`${A}/${S1}`, `${B}/${S2}`]);
    expect(fault).toMatchObject({
      code: "source_format",
      message: expect.stringMatching(/:2: .*cut off/) as string,
    });
  });
});

describe("records that are no spans", () => {
  const spans = (...list: unknown[]): string => JSON.stringify({ data: [{ traceID: A, spans: list }] });
  const span = { traceID: A, spanID: S1, operationName: "o" };

  test.each([
    ["without a trace", { spanID: S2 }, "1:missing_trace_id"],
    ["of zeros", { traceID: "0".repeat(32), spanID: S2 }, "1:missing_trace_id"],
    ["an object for an ID", { traceID: { a: 1 }, spanID: S2 }, "1:id_not_text"],
    ["a number that JavaScript cannot hold", { traceID: 2 ** 60, spanID: S2 }, "1:id_not_text"],
    ["a text", "text", "1:not_an_object"],
    ["nothing", null, "1:not_an_object"],
    ["control characters", { traceID: "a\u0007", spanID: S2 }, "1:id_control_characters"],
  ])("are invalid rows, and the rest is read: %s", async (_, bad, expected) => {
    const { rows, fault } = await read(spans(span, bad, { ...span, spanID: S3 }), { unit: "span" });
    expect(fault).toBeUndefined();
    expect(rows).toEqual([`${A}/${S1}`, expected, `${A}/${S3}`]);
  });

  test("are invalid rows, and the rest is read: one that is too long", async () => {
    const long = { ...span, tags: "x".repeat(1024 * 1024) };
    expect((await read(spans(span, long), { unit: "span" })).rows).toEqual([`${A}/${S1}`, "1:line_too_long"]);
  });

  test("of X-Ray nest as deep as they like", async () => {
    const depth = 20_000;
    const nested = `{"id":"${S1}","subsegments":[`.repeat(depth) + "]}".repeat(depth);
    const text = `{"trace_id":"${A}","start_time":1,"end_time":2,${nested.slice(1)}`;
    const { rows, fault } = await read(text, { unit: "span" });
    expect(fault).toBeUndefined();
    expect(rows).toEqual([`${A}/${S1}`]);
  });
});

describe("lists that look a little like an export", () => {
  test.each([
    ["batches that are rows", { batches: [{ trace_id: A }, { trace_id: B }] }],
    ["data that are rows", { data: [{ trace_id: A }, { trace_id: B }], total: 2 }],
    [
      "spans that are rows",
      [
        { trace_id: A, span_id: "" },
        { trace_id: B, span_id: "" },
      ],
    ],
  ])("are read as lists: %s", async (_, document) => {
    const { plan, rows } = await read(JSON.stringify(document));
    expect(plan?.unit).toBe("line");
    expect(rows).toEqual([`${A}/`, `${B}/`]);
  });
});

describe("mongoexport", () => {
  const documents = [
    { _id: { $oid: "65f0c0ffee65f0c0ffee65f0" }, trace_id: A, span_id: S1, at: { $date: "2026-01-01" } },
    {
      _id: { $oid: "65f0c0ffee65f0c0ffee65f1" },
      trace_id: { $numberLong: "9223372036854775807" },
      span_id: { $numberInt: "7" },
    },
    {
      _id: { $oid: "65f0c0ffee65f0c0ffee65f2" },
      trace_id: { $binary: { base64: Buffer.from(B, "hex").toString("base64"), subType: "00" } },
      span_id: { $binary: { base64: Buffer.from(S3, "hex").toString("base64"), subType: "00" } },
    },
    {
      _id: { $oid: "65f0c0ffee65f0c0ffee65f3" },
      context: { trace_id: { $binary: { base64: "AAECAwQFBgcICQoLDA0ODw==", subType: "04" } } },
      trace_id: null,
    },
  ];
  const expected = [
    `${A}/${S1}`,
    "9223372036854775807/7",
    `${B}/${S3}`,
    "4:missing_trace_id",
    "9007199254740993/",
  ];

  test.each([
    ["a document a line", documents.map((one) => JSON.stringify(one)).join("\n"), "\n"],
    ["an array", `[${documents.map((one) => JSON.stringify(one)).join(",\n")}`, ",\n"],
  ])("is read without what wraps its values: %s", async (what, text, between) => {
    const relaxed = `${text}${between}{"_id":{"$oid":"65f0c0ffee65f0c0ffee65f4"},"trace_id":9007199254740993}`;
    const { plan, rows, fault } = await read(what === "an array" ? `${relaxed}]` : relaxed);
    expect(fault).toBeUndefined();
    expect(plan).toMatchObject({
      format: "mongoexport",
      unit: "line",
      reason: expect.stringContaining(".$") as string,
    });
    expect(rows).toEqual(expected);
  });

  test("finds IDs that are wrapped in the objects that exports use", async () => {
    const [, , , nested] = documents;
    const { trace_id: _, ...alone } = nested ?? {};
    expect((await read(JSON.stringify(alone))).rows).toEqual(["00010203-0405-0607-0809-0a0b0c0d0e0f/"]);
  });
});

describe("console output of OpenTelemetry's SDKs", () => {
  const java = (rest: string): string =>
    `LoggingSpanExporter - 'n' : ${A} ${S1} SERVER [tracer: t:1] AttributesMap{data={${rest}}}\n`;

  test("a line of Java's that could name two spans is an invalid row", async () => {
    const spoofed = java(`a=' : ${B} ${S2} SERVER [tracer: x`);
    expect((await read(java("") + spoofed, { unit: "span" })).rows).toEqual([
      `${A}/${S1}`,
      "2:ambiguous_ids",
    ]);
  });

  test("an object of JavaScript's that is cut off says so behind the rows before", async () => {
    const object = `{\n  traceId: '${A}',\n  id: '${S1}',\n}\n`;
    const { rows, fault } = await read(object + object.slice(0, -3), { unit: "span" });
    expect(rows).toEqual([`${A}/${S1}`]);
    expect(fault).toMatchObject({
      code: "source_format",
      message: expect.stringMatching(/middle of a span: the file is cut off/) as string,
    });
  });

  test.each([
    ["\\.NET's console exporter", `Activity.TraceId:            ${A}\nActivity.SpanId:             ${S1}\n`],
    ["Ruby's", `#<struct OpenTelemetry::SDK::Trace::SpanData name="n", trace_id="\\xBA">\n`],
    ["Rust's", `Span #0\n\tName         : n\n\tTraceId      : ${A}\n\tSpanId       : ${S1}\n`],
    ["C\\+\\+'s", `{\n  name          : n\n  trace_id      : ${A}\n  span_id       : ${S1}\n}\n`],
    ["the Collector's debug exporter", `Span #0\n    Trace ID       : ${A}\n    ID             : ${S1}\n`],
    ["Java's JSON logging", `INFO: {"resource":{},"scopeSpans":[{"spans":[]}]}\n`],
  ])("is refused by name where a value could pass for an ID: %s", async (name, text) => {
    expect((await read(text)).fault).toMatchObject({
      code: "source_format",
      message: expect.stringMatching(new RegExp(`is output of ${name.replaceAll("\\\\", "\\")}`)) as string,
      next: expect.stringMatching(/file|import/) as string,
    });
  });

  test("in the cells of a table is no console output", async () => {
    const { plan, rows } = await read(`trace_id,message\n${B},"${java("").trim()}"\n`);
    expect(plan?.format).toBe("CSV");
    expect(rows).toEqual([`${B}/`]);
  });
});

describe("MLflow's DataFrame as CSV", () => {
  test.each([
    ["version 2", `request_id,trace,timestamp_ms,execution_time_ms\n${A},"{}",1,1\n${B},"{}",1,1\n`, ""],
    ["version 3", `trace_id,client_request_id,execution_duration,trace_metadata\ntr-${A},c,1,{}\n`, "tr-"],
  ])("names each trace: %s", async (_, text, prefix) => {
    const { plan, rows } = await read(text);
    expect(plan).toMatchObject({ format: "MLflow traces", unit: "trace" });
    expect(rows[0]).toBe(`${prefix}${A}/`);
  });
});

describe("--pad-ids", () => {
  test("gives IDs of a Tempo search their leading zeros back, and counts by them", async () => {
    const short = {
      traces: [
        { traceID: "abc123", startTimeUnixNano: "1" },
        { traceID: "0000000000abc123", startTimeUnixNano: "1" },
      ],
    };
    expect((await read(JSON.stringify(short), { padIds: true })).rows).toEqual(["0000000000abc123/"]);
  });
});

describe("what names no trace", () => {
  test("a Jaeger batch in Thrift's form is refused by name", async () => {
    const document = {
      process: {},
      spans: [{ traceIdLow: 5, traceIdHigh: 0, spanId: 6, operationName: "o" }],
    };
    expect((await read(JSON.stringify(document, null, 1))).fault).toMatchObject({
      code: "source_format",
      message: expect.stringMatching(
        /Jaeger batch in Thrift's form: its trace IDs are two signed numbers/,
      ) as string,
      next: expect.stringMatching(/api\/traces/) as string,
    });
  });

  test.each([
    ["the UI's CSV", `name,input,output,span_id,comments\nn,i,o,${S1},\n`],
    ["rows a line", `${JSON.stringify({ id: "1", span_id: S1, span_parents: [], input: "i" })}\n`],
  ])("Braintrust's spans without their traces are refused by name: %s", async (_, text) => {
    expect((await read(text)).fault).toMatchObject({
      code: "source_format",
      message: expect.stringMatching(
        /table of Braintrust's that names spans, but not their traces/,
      ) as string,
      next: expect.stringMatching(/A span alone cannot be added/) as string,
    });
  });

  test.each([
    ["JSON", JSON.stringify([{ span_id: S1, parent_span_id: "" }, { span_id: S2 }])],
    ["a table", `name,span_id\nn,${S1}\n`],
  ])("spans without their traces are refused: %s", async (_, text) => {
    expect((await read(text)).fault).toMatchObject({
      code: "source_columns",
      message: expect.stringMatching(/names spans, but not their traces/) as string,
      next: expect.stringMatching(/A span alone cannot be added/) as string,
    });
  });
});

describe("what once went wrong with damaged files", () => {
  test("standard input is called that in what is said before its rows are sent", async () => {
    const stdin = (): Readable =>
      Readable.from([`{"data":[{"traceID":"${A}","spans":[{"spanID":"1"}]}]}`], { objectMode: false });
    const options: SourceOptions = { ...DEFAULT_OPTIONS, traceColumn: "id" };
    const sources = await openSources(["-"], options, { stdin: stdin(), stdinAgain: stdin });
    await expect(sources.plan(new AbortController().signal)).rejects.toThrow(/^standard input has no "id"/);
  });

  test("an ID with a character that was lost on the way is invalid", async () => {
    const { rows } = await read(`trace_id\nabc\ufffddef\n${A}\n`);
    expect(rows).toEqual(["2:id_control_characters", `${A}/`]);
  });
});
