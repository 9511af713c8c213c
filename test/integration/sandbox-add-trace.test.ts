/** What add-trace accepts and refuses, and what it does. */
import { afterEach, describe, expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/server.ts";
import { ADD_TRACE, addTrace, call } from "../support/sandbox-caller.ts";
import { added, complaints, datasets, errorBody } from "./sandbox-shapes.ts";

const open: Sandbox[] = [];
afterEach(async () => {
  for (const sandbox of open.splice(0)) await sandbox.close();
});
async function start(options: SandboxOptions = {}): Promise<Sandbox> {
  const sandbox = await startSandbox(options);
  open.push(sandbox);
  return sandbox;
}

describe("a row that is in order", () => {
  test("is added to the group's draft, and its mode tells trace from span", async () => {
    const { url, record } = await start();
    const whole = await addTrace(url, "t1");
    const span = await addTrace(url, "t1", { spanId: "s1" });
    expect([whole.status, span.status]).toEqual([201, 201]);
    expect(added.parse(whole.body).mode).toBe("trace");
    expect(added.parse(span.body).mode).toBe("span");
    const draftDatasetId = added.parse(whole.body).draft_dataset_id;
    expect(record.rows()).toMatchObject([
      { seq: 1, datasetGroupId: 42, draftDatasetId, traceId: "t1", spanId: undefined },
      { seq: 2, datasetGroupId: 42, draftDatasetId, traceId: "t1", spanId: "s1" },
    ]);
  });

  test("that is sent twice stands there twice, and is counted as a duplicate", async () => {
    const { url, record } = await start();
    for (const traceId of ["t1", "t2", "t1", "t1"]) await addTrace(url, traceId);
    expect(record.count()).toBe(4);
    expect(record.duplicates()).toEqual({
      distinct: 2,
      extra: 2,
      rows: [{ datasetGroupId: 42, traceId: "t1", spanId: undefined, count: 3 }],
    });
  });

  test("may name no span by null, and carry fields the API does not know", async () => {
    const { url, record } = await start();
    const body = { dataset_group_id: 42, trace_id: "t1", span_id: null, note: "x" };
    const reply = await call(url, ADD_TRACE, { body });
    expect(added.parse(reply.body).mode).toBe("trace");
    expect(record.rows()[0]?.spanId).toBeUndefined();
  });

  test("keeps its IDs exactly, whatever is in them", async () => {
    const { url, record } = await start();
    const traceId = ' 00012345678901234567890 "ü\n\u{1F600}';
    await addTrace(url, traceId);
    expect(record.rows()[0]?.traceId).toBe(traceId);
  });

  test("opens one draft for a group, seeded from the last published version", async () => {
    const { url } = await start({ seedRows: 7 });
    const replies = await Promise.all(["a", "b", "c"].map((traceId) => addTrace(url, traceId)));
    const drafts = new Set(replies.map(({ body }) => added.parse(body).draft_dataset_id));
    expect(drafts.size).toBe(1);
    const [draftId] = drafts;
    const listed = datasets.parse((await call(url, "/api/public/v2/datasets?dataset_group_id=42")).body);
    expect(listed.datasets.map(({ id, version_number }) => [id, version_number])).toEqual([
      [draftId, -1],
      [expect.any(Number), 1],
    ]);
    const rows = await call(url, `/api/public/v2/datasets/${draftId}/rows`);
    expect(rows.body).toMatchObject({ total: 10 });
  });
});

describe("a request that is not in order", () => {
  const fine = { dataset_group_id: 42, trace_id: "t1" };
  test.each([
    ["a trace ID that is a number", { ...fine, trace_id: 12 }, "trace_id", "string_type"],
    ["an empty trace ID", { ...fine, trace_id: "" }, "trace_id", "string_too_short"],
    ["a trace ID that is null", { ...fine, trace_id: null }, "trace_id", "string_type"],
    ["no trace ID", { dataset_group_id: 42 }, "trace_id", "missing"],
    ["a group that is a text", { ...fine, dataset_group_id: "42" }, "dataset_group_id", "int_type"],
    ["a group that is true", { ...fine, dataset_group_id: true }, "dataset_group_id", "int_type"],
    ["a group with a fraction", { ...fine, dataset_group_id: 1.5 }, "dataset_group_id", "int_from_float"],
    ["group 0", { ...fine, dataset_group_id: 0 }, "dataset_group_id", "greater_than_equal"],
    ["no group", { trace_id: "t1" }, "dataset_group_id", "missing"],
    ["an empty span ID", { ...fine, span_id: "" }, "span_id", "string_too_short"],
    ["a span ID that is a number", { ...fine, span_id: 7 }, "span_id", "string_type"],
  ])("with %s is a 422 that names the field", async (_what, body, field, type) => {
    const { url, record } = await start();
    const reply = await call(url, ADD_TRACE, { body });
    expect(reply.status).toBe(422);
    expect(complaints.parse(reply.body).detail).toMatchObject([{ loc: ["body", field], type }]);
    expect(record.count()).toBe(0);
  });

  test.each([
    ["broken JSON", '{"dataset_group_id":42,', "json_invalid"],
    ["a list", "[]", "model_attributes_type"],
    ["nothing", "", "missing"],
  ])("with %s for a body is a 422", async (_what, body, type) => {
    const { url } = await start();
    const reply = await call(url, ADD_TRACE, { body });
    expect(reply.status).toBe(422);
    expect(complaints.parse(reply.body).detail).toMatchObject([{ type }]);
  });

  test("that does not say it is JSON is a 422", async () => {
    const { url } = await start();
    const headers = { "content-type": "text/plain" };
    const reply = await call(url, ADD_TRACE, { body: fine, headers });
    expect(reply.status).toBe(422);
    complaints.parse(reply.body);
  });

  test("of more than a mebibyte is a 413", async () => {
    const { url, record } = await start();
    const reply = await addTrace(url, "t".repeat(1 << 20));
    expect(reply.status).toBe(413);
    errorBody.parse(reply.body);
    expect(record.count()).toBe(0);
  });

  test("for a group that does not exist is a 400 that says so", async () => {
    const { url } = await start();
    const reply = await addTrace(url, "t1", { group: 1001 });
    expect(reply.status).toBe(400);
    expect(errorBody.parse(reply.body).message).toBe("Dataset group not found");
  });

  test("for a trace that is not there, or a span that is not in its trace, is a 404", async () => {
    const sandbox = await start({
      missingTrace: (traceId) => traceId.startsWith("missing-"),
      missingSpan: (_traceId, spanId) => spanId.startsWith("missing-"),
    });
    const trace = await addTrace(sandbox.url, "missing-1");
    const span = await addTrace(sandbox.url, "t1", { spanId: "missing-2" });
    expect([trace.status, span.status]).toEqual([404, 404]);
    expect(errorBody.parse(trace.body).message).toBe("Trace not found");
    expect(errorBody.parse(span.body).message).toBe("Span not found in trace");
    expect(sandbox.record.count()).toBe(0);
  });
});

describe("a trace that appears later", () => {
  test("is a 404 until it is there", async () => {
    const sandbox = await start({ missingTrace: () => true });
    expect((await addTrace(sandbox.url, "t1")).status).toBe(404);
    sandbox.setTraces({ available: ["t1"] });
    expect((await addTrace(sandbox.url, "t1")).status).toBe(201);
    sandbox.setTraces({ missing: ["t1"] });
    expect((await addTrace(sandbox.url, "t1")).status).toBe(404);
  });

  test("has exactly the spans it was given", async () => {
    const sandbox = await start();
    sandbox.setTraces({ spans: { t1: ["s1"] } });
    expect((await addTrace(sandbox.url, "t1", { spanId: "s1" })).status).toBe(201);
    expect((await addTrace(sandbox.url, "t1", { spanId: "s2" })).status).toBe(404);
  });
});

describe("the key", () => {
  test.each([
    ["missing", { key: null }, 401],
    ["empty", { key: "" }, 401],
    ["wrong", { key: "other" }, 401],
    ["without rights", { key: "guest" }, 403],
    ["right", { key: "good" }, 201],
  ])("%s is judged before the body", async (_what, { key }, status) => {
    const { url } = await start({ keys: ["good"], forbiddenKeys: ["guest"] });
    const body = status === 201 ? { dataset_group_id: 42, trace_id: "t1" } : "not JSON";
    const reply = await call(url, ADD_TRACE, { key, body });
    expect(reply.status).toBe(status);
    if (status !== 201) errorBody.parse(reply.body);
  });

  test("may be any, as long as there is one, when none was set", async () => {
    const { url } = await start();
    expect((await addTrace(url, "t1")).status).toBe(201);
  });
});
