import { describe, expect, test } from "vitest";
import { jsonFormat } from "../../src/sources/formats/json.ts";
import { HEAD_CHARS, MAX_RECORD_CHARS, type SourceRecord } from "../../src/sources/record.ts";
import { brief, readFileOf, readWithPlan } from "../support/source-reading.ts";

const lines = (rows: { line: number }[]): number[] => rows.map(({ line }) => line);
const formatFault = (message: RegExp): unknown =>
  expect.objectContaining({ code: "source_format", message: expect.stringMatching(message) as string });

describe("NDJSON", () => {
  test("each line is an object; blank lines and Windows line ends do no harm", async () => {
    const text =
      '\uFEFF{"trace_id":"t1","span_id":"s1"}\r\n\r\n{"span_id":null,"trace_id":"t2"}\n\n{"trace_id":"t3"}';
    const { rows, fault } = await readFileOf(text);
    expect(fault).toBeUndefined();
    expect(brief(rows)).toEqual(["t1/s1", "t2/", "t3/"]);
    expect(lines(rows)).toEqual([1, 3, 5]);
  });

  test("a line that is not JSON, or no object, is an invalid row", async () => {
    const { rows, fault } = await readFileOf('{"trace_id":"t1"}\n{oops}\n[1]\n"x"\n{"trace_id":"t2"}\n');
    expect(fault).toBeUndefined();
    expect(brief(rows)).toEqual(["t1/", "2:invalid_json", "3:not_an_object", "4:not_an_object", "t2/"]);
  });

  test("what is wrong far behind a long record's beginning is shown where it stands", async () => {
    const { rows } = await readFileOf(
      `{"trace_id":"t1","note":"${"x".repeat(200)}",oops}\n{"trace_id":"t2"}\n`,
    );
    expect(rows[0]?.invalid?.message).toMatch(/^not valid JSON at its character 2\d\d: …".*x\\",oops}"…$/);
  });

  test("a broken first line does not hide what the file is", async () => {
    const { rows } = await readFileOf('{"trace_id":"t1\n{"trace_id":"t2"}\n{"trace_id":"t3"}\n');
    expect(brief(rows)).toEqual(["1:invalid_json", "t2/", "t3/"]);
  });

  test("a last line that is cut off is an invalid row that says so", async () => {
    const { rows, fault } = await readFileOf('{"trace_id":"t1"}\n{"trace_id":"t2","sp');
    expect(fault).toBeUndefined();
    expect(brief(rows)).toEqual(["t1/", "2:invalid_json"]);
    expect(rows[1]?.invalid?.message).toMatch(/cut off/);
  });

  test("a longer line is an invalid row, and the rest goes on", async () => {
    const long = JSON.stringify({ trace_id: "t2", text: "x".repeat(MAX_RECORD_CHARS) });
    const { rows } = await readFileOf(`{"trace_id":"t1"}\n${long}\n{"trace_id":"t3"}\n`);
    expect(brief(rows)).toEqual(["t1/", "2:line_too_long", "t3/"]);
  });

  test("long lines from the first on are still lines", async () => {
    const long = (id: string): string => JSON.stringify({ trace_id: id, text: "x".repeat(100_000) });
    const { rows } = await readFileOf(`${long("t1")}\n{broken\n${long("t2")}\n`);
    expect(brief(rows)).toEqual(["t1/", "2:invalid_json", "t2/"]);
  });

  test("arrays of objects inside a record are no records", async () => {
    const { rows } = await readFileOf('{"events":[{"name":"e"}],"trace_id":"t1","span_id":"s1"}\n');
    expect(brief(rows)).toEqual(["t1/s1"]);
  });
});

describe("JSON", () => {
  test("the elements of an array are records, and know their lines", async () => {
    const text = '[\n  {"trace_id": "t1"},\n  {\n    "trace_id": "t2"\n  }, {"trace_id": "t3"}\n]\n';
    const { rows, fault } = await readFileOf(text);
    expect(fault).toBeUndefined();
    expect(brief(rows)).toEqual(["t1/", "t2/", "t3/"]);
    expect(lines(rows)).toEqual([2, 3, 5]);
  });

  test.each(["data", "rows", "results", "items", "records", "traces", "anything"])(
    "an object around one array of objects is opened: %s",
    async (key) => {
      const value = {
        total: 2,
        tags: [],
        meta: { next: [{ a: 1 }] },
        [key]: [{ trace_id: "t1" }, { trace_id: "t2" }],
      };
      for (const text of [JSON.stringify(value), JSON.stringify(value, null, 2)]) {
        expect(brief((await readFileOf(text)).rows)).toEqual(["t1/", "t2/"]);
      }
    },
  );

  test.each<[string, object, string]>([
    [
      "a cursor",
      { next_cursor: "c" },
      "it is one page of several: next_cursor leads to the next; it holds 2 records",
    ],
    [
      "a link in an object, and a total",
      { links: { prev: null, next: { href: "/2" } }, meta: { page: { total: 250 } } },
      "it is one page of several: links.next.href leads to the next; it holds 2 of 250 records",
    ],
    [
      "that there is more",
      { has_more: true },
      "it is one page of several, as has_more says; it holds 2 records",
    ],
    [
      "AWS's token",
      { NextToken: "t" },
      "it is one page of several: NextToken leads to the next; it holds 2 records",
    ],
    [
      "OData's link",
      { "@odata.nextLink": "https://example.com/2" },
      "it is one page of several: @odata.nextLink leads to the next; it holds 2 records",
    ],
    ["a total in an object", { total: { value: 3, relation: "eq" } }, "it holds 2 of 3 records"],
    ["the count of the last page", { count: 12, next: null }, "it holds 2 of 12 records"],
    ["the number of pages", { page: 1, total_pages: 7 }, "it is one page of 7; it holds 2 records"],
    [
      "a cursor behind a long text",
      { note: "x".repeat(200_000), meta: { after: "x".repeat(2_000) } },
      "it is one page of several: meta.after leads to the next; it holds 2 records",
    ],
  ])(
    "an object around an array that says that there is more is a warning: %s",
    async (_what, members, said) => {
      const data = [{ trace_id: "t1" }, { trace_id: "t2" }];
      for (const value of [
        { ...members, data },
        { data, ...members },
      ]) {
        const { rows, plan } = await readWithPlan(JSON.stringify(value));
        expect(brief(rows)).toEqual(["t1/", "t2/"]);
        expect(plan?.warnings).toEqual([expect.stringMatching(/^\S+: /)]);
        expect(plan?.warnings[0]).toContain(`: ${said}`);
      }
    },
  );

  test("what says so is the same in pieces of any size, and not looked at where it is long", async () => {
    const value = {
      data: [{ trace_id: "t1" }],
      note: "x".repeat(HEAD_CHARS),
      meta: { next: 'a"\\b' },
      total: 9,
    };
    const text = JSON.stringify({ ...value, links: { next: "x".repeat(100_000) } });
    async function* pieces(): AsyncGenerator<string> {
      yield text.slice(0, HEAD_CHARS);
      yield* text.slice(HEAD_CHARS);
    }
    const said: SourceRecord[] = [];
    for await (const records of jsonFormat.records(pieces(), "x")) said.push(...records);
    expect(said.at(-1)).toMatchObject({
      kind: "page",
      message: "it is one page of several: meta.next leads to the next; it holds 1 of 9 records",
    });
  });

  test("pages that are all there, and what only looks like a mark, are no warning", async () => {
    const page = (id: string, rest: object): string => JSON.stringify({ data: [{ trace_id: id }], ...rest });
    const all = [
      page("t1", { next: "2", total: 2, pages: 2 }),
      page("t2", { next: null, total: 2, pages: 2, has_more: false, next_page: 0 }),
    ];
    const other = page("t3", {
      count: 9,
      total: 1.5,
      cursor: "",
      after: "t2",
      nextToken: {},
      totals: "many",
    });
    for (const text of [all.join("\n"), other]) {
      const { plan, fault } = await readWithPlan(text);
      expect([plan?.warnings, fault]).toEqual([[], undefined]);
    }
  });

  test("an object around an array longer than the head of the file is opened, too", async () => {
    const value = {
      note: "x".repeat(200_000),
      data: [{ trace_id: "t1", text: "y".repeat(200_000) }, { trace_id: "t2" }],
    };
    expect(brief((await readFileOf(JSON.stringify(value))).rows)).toEqual(["t1/", "t2/"]);
    const long = { data: [{ text: "y".repeat(200_000), trace_id: "t1" }, { trace_id: "t2" }] };
    expect(brief((await readFileOf(JSON.stringify(long))).rows)).toEqual(["t1/", "t2/"]);
  });

  test("objects printed one after the other are records", async () => {
    const spans = [
      { name: "a", context: { trace_id: "0x1", span_id: "0x2" }, events: [{ name: "x" }] },
      { name: "b", context: { trace_id: "0x3", span_id: "0x4" }, links: [] },
    ];
    const text = spans.map((span) => JSON.stringify(span, null, 4)).join("\n");
    const { rows } = await readFileOf(text);
    expect(brief(rows)).toEqual(["0x1/0x2", "0x3/0x4"]);
    expect(rows[1]?.line).toBeGreaterThan(10);
  });

  test("an export without results has no rows", async () => {
    for (const text of ["[]", '{"data":[]}', '{\n "data": [],\n "meta": {"count": 0}\n}']) {
      expect(await readFileOf(text)).toEqual({ rows: [], batches: [], fault: undefined });
    }
  });

  test("an element that is broken, too long or no object is an invalid row", async () => {
    const long = JSON.stringify({ trace_id: "t", text: "x".repeat(MAX_RECORD_CHARS) });
    const { rows, fault } = await readFileOf(
      `[{"trace_id":"t1"},\n{"trace_id":},\n7,\n${long},\n{"trace_id":"t2"}]`,
    );
    expect(fault).toBeUndefined();
    expect(brief(rows)).toEqual(["t1/", "2:invalid_json", "3:not_an_object", "4:line_too_long", "t2/"]);
  });

  test.each([
    ["cut off between elements", '[{"trace_id":"t1"},\n', /:2: the JSON ends in the middle/],
    ["cut off inside an element", '[{"trace_id":"t1"},\n{"trace_id":"t', /:2: the JSON ends in the middle/],
    ["cut off behind the array", '{"data":[{"trace_id":"t1"}]', /the JSON ends in the middle/],
    ["a comma missing", '[{"trace_id":"t1"}\n{"trace_id":"t2"}]', /:2: "," or "\]" is missing/],
    ["a comma too many", '[{"trace_id":"t1"},\n]', /:2: a value is missing/],
    ["something else behind it", '[{"trace_id":"t1"}]\noops', /:2: neither a JSON object nor/],
  ])("%s: one error, after the rows before it", async (_name, text, message) => {
    const { rows, fault } = await readFileOf(text);
    expect(brief(rows)).toEqual(["t1/"]);
    expect(fault).toEqual(formatFault(message));
  });
});

describe("IDs in JSON", () => {
  test("whole numbers are read without loss", async () => {
    const text = '[{"trace_id": 12345678901234567890, "span_id": 18446744073709551615}]';
    expect(brief((await readFileOf(text)).rows)).toEqual(["12345678901234567890/18446744073709551615"]);
    const lines = '{"trace_id":9007199254740993,"dataset_group_id":7}\n{"context":{"traceId":1e30}}\n';
    const { rows } = await readFileOf(lines);
    expect(brief(rows)).toEqual(["9007199254740993/", "1e30/"]);
    expect(rows[0]?.datasetGroupId).toBe("7");
  });

  test("are found under dotted keys, and inside the objects that exports use", async () => {
    const records = [
      { "trace.id": "t1", "span.id": "s1" },
      { trace: { id: "t2" }, span: { id: "s2" } },
      { context: { trace_id: "t3", span_id: "s3" }, parent_id: "p" },
      { contexts: { trace: { trace_id: "t4", span_id: "s4" } } },
      { attributes: { trace_id: "t5", span_id: "s5", parent_id: "p" }, id: "x" },
    ];
    for (const record of records) {
      const { rows } = await readFileOf(JSON.stringify([record]));
      expect(rows[0]?.traceId).toMatch(/^t\d$/);
      expect(rows[0]?.spanId).toMatch(/^s\d$/);
    }
    const { rows } = await readFileOf(records.map((record) => JSON.stringify(record)).join("\n"));
    expect(brief(rows)).toEqual(["t1/s1", "t2/s2", "t3/s3", "t4/s4", "t5/s5"]);
  });

  test("that are neither texts nor numbers are invalid", async () => {
    const { rows } = await readFileOf(
      '[{"trace_id":{"hex":"x"}},{"trace_id":true},{"trace_id":"t","span_id":["s"]}]',
    );
    expect(brief(rows)).toEqual(["1:missing_trace_id", "1:id_not_text", "1:id_not_text"]);
  });

  test("a key is chosen by its dotted path", async () => {
    const { rows } = await readFileOf('[{"a":{"b.c":"t1"},"x":"s1","trace_id":"no"}]', {
      traceColumn: "a.b.c",
      spanColumn: "x",
    });
    expect(brief(rows)).toEqual(["t1/s1"]);
  });

  test("a column number is no key", async () => {
    const { fault } = await readFileOf('[{"trace_id":"t"}]', { traceColumn: "1" });
    expect(fault).toMatchObject({ code: "source_columns" });
  });

  test.each([
    [
      { response: { trace_id: "t", span_id: "s" } },
      "--map trace_id=response.trace_id --map span_id=response.span_id",
    ],
    [{ x: { runs: [{ "trace.id": "t" }] } }, "--map trace_id='x.runs[0].trace.id'"],
    [{ a: { b: { id: "t" } } }, "--trace-column NAME"],
  ])(
    "a trace's ID that stands too deep is not taken, and said how it would be: %j",
    async (record, typed) => {
      const { rows, fault } = await readFileOf(JSON.stringify(record));
      expect([rows, fault]).toEqual([
        [],
        expect.objectContaining({ code: "source_columns", next: `Name it: ${typed}` }),
      ]);
    },
  );

  test("a source whose records have no trace key is refused, and names its keys", async () => {
    const { rows, fault } = await readFileOf('[{"span_id":"s1","name":"x"},{"span_id":"s2"}]');
    expect(rows).toEqual([]);
    expect(fault).toMatchObject({
      code: "source_columns",
      message: expect.stringMatching(/"span_id", "name"/) as string,
    });
  });

  test("records without a trace key are invalid where others have one", async () => {
    const { rows, fault } = await readFileOf('{"level":"info"}\n{"trace_id":"t1"}\n{"level":"warn"}\n');
    expect(fault).toBeUndefined();
    expect(brief(rows)).toEqual(["1:missing_trace_id", "t1/", "3:missing_trace_id"]);
  });
});
