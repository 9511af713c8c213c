import { describe, expect, test } from "vitest";
import { brief, readFileOf } from "../support/source-reading.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const fault = (message: RegExp, next = /./): unknown =>
  expect.objectContaining({
    code: "source_columns",
    message: expect.stringMatching(message) as string,
    next: expect.stringMatching(next) as string,
  });

describe("column names", () => {
  test.each([
    ["trace_id", "span_id"],
    ["traceId", "spanId"],
    ["TraceID", "SPANID"],
    ["Trace ID", "Span ID"],
    ["trace.id", "span.id"],
    ["trace-id", "@span.id"],
    ["context.trace_id", "context.span_id"],
    ["attributes.trace_id", "attributes.span_id"],
    ["otelTraceID", "otelSpanID"],
    ["dd.trace_id", "dd.span_id"],
    ["operation_Id", "spanId"],
    ["root_span_id", "span_id"],
    ["trace", "observation_id"],
  ])("%s and %s are known", async (trace, span) => {
    expect(brief((await readFileOf(`x,${span},${trace}\n-,s1,t1\n`)).rows)).toEqual(["t1/s1"]);
  });

  test("names of other things are never taken", async () => {
    const decoys =
      "id,_id,event_id,itemId,request_id,session_id,parent_id,parent_span_id,thread.id,run_id,dataset_id,datasetRunId,executionTraceId,traceIdExpression";
    const values = decoys.replaceAll(/[^,]+/g, "1234567890abcdef");
    expect((await readFileOf(`${decoys}\n${values}\n`)).fault).toEqual(fault(/names no trace_id column/));
    const { rows } = await readFileOf(`${decoys},traceId\n${values},t1\n`, { datasetGroupId: 7 });
    expect(rows).toEqual([expect.objectContaining({ traceId: "t1", spanId: "", datasetGroupId: "7" })]);
  });

  test("two columns that could both be meant are not chosen between", async () => {
    const { rows, fault: met } = await readFileOf("trace_id,root_span_id\nt1,r1\n");
    expect(rows).toEqual([]);
    expect(met).toEqual(
      fault(/"trace_id", "root_span_id"/, /--trace-column trace_id or --trace-column root_span_id/),
    );
    expect((await readFileOf("trace_id,span_id,spanId\nt,s,s\n")).fault).toEqual(
      fault(/span_id/, /--span-column/),
    );
    expect((await readFileOf("trace_id,trace_id\nt,u\n")).fault).toEqual(
      fault(/trace_id/, /--trace-column N/),
    );
    const { rows: chosen } = await readFileOf("trace_id,trace_id\nt,u\n", { traceColumn: "2" });
    expect(brief(chosen)).toEqual(["u/"]);
  });

  test("a name that says it outright goes before a vague one", async () => {
    const { rows } = await readFileOf("trace,trace_id,transaction.id,span.id\nx,t1,y,s1\n");
    expect(brief(rows)).toEqual(["t1/s1"]);
  });

  test("a span column alone is refused", async () => {
    const met = (await readFileOf("name,span_id\nx,s1\n")).fault;
    expect(met).toEqual(
      fault(/no column that is known to hold trace_ids; it has "name", "span_id"/, /span alone/),
    );
  });
});

describe("columns that the user names", () => {
  const text = "Run,ID,dataset group,Leaf\nr1,t1,7,s1\n";
  const named = { traceColumn: "id", spanColumn: "Leaf", groupColumn: "Dataset Group" };

  test("are found by name, the exact one first", async () => {
    const { rows } = await readFileOf(text, named);
    expect(rows).toEqual([expect.objectContaining({ traceId: "t1", spanId: "s1", datasetGroupId: "7" })]);
    expect(brief((await readFileOf("id,ID\na,b\n", { traceColumn: "ID" })).rows)).toEqual(["b/"]);
  });

  test("are found by number, counted from 1", async () => {
    const { rows } = await readFileOf(text, { traceColumn: "2", spanColumn: "4", groupColumn: "3" });
    expect(rows.at(-1)).toMatchObject({ traceId: "t1", spanId: "s1", datasetGroupId: "7" });
  });

  test("must be there", async () => {
    expect((await readFileOf("trace_id,b\nt1,x\n", { spanColumn: "c" })).fault).toEqual(
      fault(/no column "c"; it has "trace_id", "b"/, /--span-column/),
    );
    expect((await readFileOf("trace_id,b\nt1,x\n", { traceColumn: "3" })).fault).toEqual(
      fault(/no column 3/),
    );
  });
});

describe("files without a header", () => {
  test("one column of IDs is a list of traces", async () => {
    for (const id of [
      TRACE,
      "5b8efff7-98c4-4b4c-8d4e-0123456789ab",
      "1-58406520-a006649127e371903a2de979",
      "18446744073709551615",
      "NDc0OGI5ZjM1NzdiMzRkYQ==",
    ]) {
      const { rows } = await readFileOf(`${id}\n${id}x\n`);
      expect(rows.map(({ traceId, line }) => [traceId, line])).toEqual([
        [id, 1],
        [`${id}x`, 2],
      ]);
    }
  });

  test("one column with a header that is no known name is refused, and told how to go on", async () => {
    expect((await readFileOf(`event_id\n${TRACE}\n`)).fault).toEqual(
      fault(
        /names no trace_id column in its first line, "event_id"/,
        /--trace-column "event_id".*--trace-column 1/,
      ),
    );
  });

  test("several columns want numbers", async () => {
    const text = `${TRACE},00f067aa0ba902b7\n${TRACE},00f067aa0ba902b8\n`;
    expect((await readFileOf(text)).fault).toEqual(
      fault(/names no trace_id column/, /--trace-column 1 --span-column 2/),
    );
    const { rows } = await readFileOf(text, { traceColumn: "1", spanColumn: "2" });
    expect(brief(rows)).toEqual([`${TRACE}/00f067aa0ba902b7`, `${TRACE}/00f067aa0ba902b8`]);
  });

  test("with a number, the first line is a row unless it looks unlike the second", async () => {
    expect(brief((await readFileOf("alpha\nbeta\n", { traceColumn: "1" })).rows)).toEqual([
      "alpha/",
      "beta/",
    ]);
    expect(brief((await readFileOf(`my trace\n${TRACE}\n`, { traceColumn: "1" })).rows)).toEqual([
      `${TRACE}/`,
    ]);
  });
});

describe("traceload's own reports", () => {
  const header =
    "row,file,line,dataset_group_id,trace_id,span_id,status,draft_dataset_id,mode,attempts,http_status,error_code,error,duration_ms,finished_at,run_id";

  test("are imported as they are, defused cells restored", async () => {
    const text = `${header}\n1,a.csv,2,7,'=t1,'-s1,failed,,,3,500,x,'=boom,12,2030-01-01T00:00:00Z,r-1\n2,a.csv,3,7,t2,,invalid,,,,,,,,,r-1\n`;
    const { rows, fault: met } = await readFileOf(text, { datasetGroupId: undefined });
    expect(met).toBeUndefined();
    expect(rows).toEqual([
      expect.objectContaining({ traceId: "=t1", spanId: "-s1", datasetGroupId: "7", invalid: undefined }),
      expect.objectContaining({ traceId: "t2", spanId: "", datasetGroupId: "7", invalid: undefined }),
    ]);
  });

  test("other files' apostrophes stay", async () => {
    expect(brief((await readFileOf("trace_id,status\n'=t1,x\n")).rows)).toEqual(["'=t1/"]);
  });
});
