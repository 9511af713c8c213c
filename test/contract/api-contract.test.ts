/** The port to the API, held against the sandbox: what an attempt is said to have ended in agrees with what was done. */
import { describe, expect, onTestFinished, test } from "vitest";
import type { Api } from "../../src/core/api.ts";
import { classify } from "../../src/core/classify.ts";
import type { Outcome } from "../../src/core/outcome.ts";
import type { Row } from "../../src/core/row.ts";
import { DEFAULT_FAULT_MIX } from "../../src/sandbox/fault.ts";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/server.ts";
import { openApi, TEST_KEY } from "../support/api-under-test.ts";

async function openSandbox(options: SandboxOptions = {}): Promise<{ sandbox: Sandbox; api: Api }> {
  const sandbox = await startSandbox(options);
  onTestFinished(() => sandbox.close());
  return { sandbox, api: openApi({ baseUrl: sandbox.url, connections: 16 }) };
}

async function add(api: Api, row: Partial<Row> = {}, timeoutMs = 5000): Promise<Outcome> {
  const whole: Row = { datasetGroupId: 42, traceId: "trace-1", spanId: undefined, ...row };
  const signal = await api.addTrace(whole, { mayStillSend: () => true, timeoutMs });
  return classify(signal, { sentSpan: whole.spanId !== undefined, nowMs: Date.now() });
}

describe("adding a row", () => {
  test("a trace and a span land in the draft that the confirmation names", async () => {
    const { sandbox, api } = await openSandbox();
    const trace = await add(api);
    const span = await add(api, { spanId: "span-1" });
    expect(trace).toMatchObject({ kind: "added", mode: "trace", httpStatus: 201, warning: undefined });
    expect(span).toMatchObject({ kind: "added", mode: "span", httpStatus: 201, warning: undefined });
    expect(sandbox.record.rows()).toMatchObject([
      { datasetGroupId: 42, traceId: "trace-1", spanId: undefined },
      { datasetGroupId: 42, traceId: "trace-1", spanId: "span-1" },
    ]);
    const draftId = trace.kind === "added" ? trace.draftDatasetId : undefined;
    expect(sandbox.record.rows().map((row) => row.draftDatasetId)).toEqual([draftId, draftId]);
  });

  test("odd IDs arrive as they were", async () => {
    const { sandbox, api } = await openSandbox();
    const traceIds = [
      "0123",
      "1e5",
      "-",
      '"',
      "\\u0041",
      "\u{1F600}",
      " padded ",
      "a/b?c=d&e",
      "\u0000",
      "x".repeat(5000),
    ];
    for (const traceId of traceIds) expect(await add(api, { traceId })).toMatchObject({ kind: "added" });
    expect(sandbox.record.rows().map((row) => row.traceId)).toEqual(traceIds);
  });

  test("refusals name their reason", async () => {
    const { sandbox, api } = await openSandbox({
      missingTrace: (traceId) => traceId === "gone",
      groups: (id) => id === 42,
    });
    expect(await add(api, { traceId: "gone" })).toMatchObject({ kind: "rejected", code: "trace_not_found" });
    expect(await add(api, { datasetGroupId: 43 })).toMatchObject({ kind: "rejected", code: "bad_request" });
    expect(await add(api, { traceId: "" })).toMatchObject({ kind: "rejected", code: "validation_error" });
    expect(sandbox.record.count()).toBe(0);
  });

  test("a trace tells its spans, whatever its ID is made of, and a missing one is not found", async () => {
    const { api } = await openSandbox({ missingTrace: (id) => id === "gone" });
    for (const traceId of ["a/b c?", "...", "t1"]) {
      expect(await api.getTrace(traceId)).toMatchObject({
        ok: true,
        value: { spanIds: [`root-of-${traceId}`] },
      });
    }
    expect(await api.getTrace("gone")).toMatchObject({ ok: false, kind: "not_found" });
    expect(await api.getTrace("..")).toMatchObject({ ok: false, kind: "rejected" });
  });

  test("a wrong key and a key without rights halt", async () => {
    const wrong = await openSandbox({ keys: ["another"] });
    expect(await add(wrong.api)).toMatchObject({ kind: "halt", code: "unauthorized" });
    const forbidden = await openSandbox({ forbiddenKeys: [TEST_KEY] });
    expect(await add(forbidden.api)).toMatchObject({ kind: "halt", code: "forbidden" });
  });

  test("a base URL that leads elsewhere halts", async () => {
    const { sandbox } = await openSandbox();
    const api = openApi({ baseUrl: `${sandbox.url}/v9` });
    expect(await add(api)).toMatchObject({ kind: "halt", code: "wrong_endpoint" });
  });

  test.each(["seconds", "date", "none"] as const)(
    "the rate limit refuses everybody, its wait in %s",
    async (form) => {
      const { sandbox, api } = await openSandbox({ rateLimitPerSecond: 1, rateLimitRetryAfter: form });
      await add(api);
      const outcome = await add(api);
      expect(outcome).toMatchObject({ kind: "refused", everybody: true, httpStatus: 429 });
      const retryInMs = outcome.kind === "refused" ? outcome.retryInMs : undefined;
      expect(retryInMs !== undefined && retryInMs > 0).toBe(form !== "none");
      expect(sandbox.record.count()).toBe(1);
    },
  );
});

describe("faults", () => {
  const unknownBy = (reason: string): Partial<Outcome> => ({ kind: "unknown", reason }) as Partial<Outcome>;
  const cases: [string, Partial<Outcome>, applied: number][] = [
    ["429-retry-after:2", { kind: "refused", everybody: true, retryInMs: 2000 }, 0],
    ["429", { kind: "refused", everybody: true, retryInMs: undefined }, 0],
    ["503-retry-after:1", { kind: "refused", everybody: true, retryInMs: 1000 }, 0],
    ["408", { kind: "refused", everybody: false }, 0],
    ["503", unknownBy("server_error"), 0],
    ["503-after-apply", unknownBy("server_error"), 1],
    ["500", unknownBy("server_error"), 0],
    ["500-after-apply", unknownBy("server_error"), 1],
    ["close-before-apply", unknownBy("connection_lost"), 0],
    ["close-after-apply", unknownBy("connection_lost"), 1],
    ["reset-before-apply", unknownBy("connection_lost"), 0],
    ["reset-after-apply", unknownBy("connection_lost"), 1],
    ["half-body", unknownBy("unreadable_answer"), 1],
    ["html", unknownBy("unreadable_answer"), 0],
    ["html-after-apply", unknownBy("unreadable_answer"), 1],
    ["success-false", unknownBy("unreadable_answer"), 0],
    ["success-false-after-apply", unknownBy("unreadable_answer"), 1],
    ["hang", unknownBy("timeout"), 0],
    ["hang-after-apply", unknownBy("timeout"), 1],
    ["404-html", { kind: "halt", code: "wrong_endpoint" }, 0],
    ["redirect", { kind: "halt", code: "wrong_endpoint" }, 0],
    ["wrong-mode", { kind: "added", mode: "span", warning: "mode_mismatch" }, 1],
    ["slow:20", { kind: "added" }, 1],
  ];

  test.each(cases)(
    "%s is judged rightly, on a connection in use before, too",
    async (fault, expected, applied) => {
      const { sandbox, api } = await openSandbox({ script: [{ fault, traceId: "odd", times: 1 }] });
      await add(api, { traceId: "before" });
      const timeoutMs = fault.startsWith("hang") ? 200 : 5000;
      expect(await add(api, { traceId: "odd" }, timeoutMs)).toMatchObject(expected);
      expect(sandbox.record.rows().filter((row) => row.traceId === "odd")).toHaveLength(applied);
      expect(await add(api, { traceId: "after" })).toMatchObject({ kind: "added" });
      expect(sandbox.stats().addTraceArrivals).toBe(3);
    },
  );

  test("in a storm of all kinds no outcome contradicts the record, and nothing is sent twice", async () => {
    const { sandbox, api } = await openSandbox({ faultRate: 0.5, faultKinds: DEFAULT_FAULT_MIX, seed: 7 });
    const traceIds = Array.from({ length: 600 }, (_, n) => `trace-${n}`);
    const outcomes = new Map<string, Outcome>();
    const waiting = [...traceIds];
    const work = async (): Promise<void> => {
      for (let traceId = waiting.pop(); traceId !== undefined; traceId = waiting.pop()) {
        outcomes.set(traceId, await add(api, { traceId }));
      }
    };
    await Promise.all(Array.from({ length: 16 }, work));
    const applied = new Set(sandbox.record.rows().map((row) => row.traceId));
    expect(applied.size).toBe(sandbox.record.count());
    for (const [traceId, { kind }] of outcomes) {
      if (kind !== "unknown") expect([traceId, applied.has(traceId)]).toEqual([traceId, kind === "added"]);
    }
    expect(sandbox.stats().addTraceArrivals).toBe(traceIds.length);
  });
});

describe("drafts", () => {
  test("are listed, created from the published version, and counted", async () => {
    const { sandbox, api } = await openSandbox({ seedRows: 3 });
    const before = await api.listDatasets(42);
    expect(before).toMatchObject({ ok: true, value: [{ datasetGroupId: 42, versionNumber: 1 }] });
    const sourceDatasetId = before.ok ? before.value[0]?.id : undefined;
    const created = await api.createDraft({ datasetGroupId: 42, sourceDatasetId });
    expect(created).toMatchObject({ ok: true, status: 202 });
    const draftId = created.ok ? created.value.draftDatasetId : 0;
    expect(await api.listDatasets(42)).toMatchObject({
      ok: true,
      value: expect.arrayContaining([{ id: draftId, datasetGroupId: 42, versionNumber: -1 }]),
    });
    expect(await api.createDraft({ datasetGroupId: 42, sourceDatasetId })).toMatchObject({
      ok: false,
      kind: "conflict",
    });
    expect(await add(api)).toMatchObject({ kind: "added", draftDatasetId: draftId });
    expect(await api.countRows(draftId)).toEqual({ ok: true, status: 200, value: 4 });
    expect(sandbox.record.rows()[0]?.draftDatasetId).toBe(draftId);
  });

  test("are published some time after that was asked for, and only where there is one", async () => {
    const { api } = await openSandbox({ seedRows: 3 });
    expect(await api.saveDraft(42)).toMatchObject({ ok: false, kind: "not_found" });
    const outcome = await add(api);
    const draftId = outcome.kind === "added" ? outcome.draftDatasetId : 0;
    expect(await api.saveDraft(42)).toEqual({ ok: true, status: 202, value: { draftDatasetId: draftId } });
    const versionOf = async () => {
      const listed = await api.listDatasets(42);
      return listed.ok ? listed.value.find(({ id }) => id === draftId)?.versionNumber : undefined;
    };
    expect(await versionOf()).toBe(-1);
    await expect.poll(versionOf).toBe(2);
  });

  test("are searched by the text of their cells, and show their IDs or not", async () => {
    const { api } = await openSandbox({ seedRows: 2 });
    const outcome = await add(api, { traceId: "trace-9", spanId: "span-9 & more" });
    const draftId = outcome.kind === "added" ? outcome.draftDatasetId : 0;
    expect(await api.findRows(draftId, "span-9 & more")).toEqual({
      ok: true,
      status: 200,
      value: { columns: ["trace_id", "span_id"], rows: [["trace-9", "span-9 & more"]], complete: true },
    });
    const seeds = await api.findRows(draftId, "SEED-trace");
    expect(seeds).toMatchObject({
      value: {
        rows: [
          ["seed-trace-1", undefined],
          ["seed-trace-2", undefined],
        ],
      },
    });
    expect(await api.findRows(draftId, "nowhere")).toMatchObject({ value: { rows: [], complete: true } });

    const opaque = await openSandbox({ rows: "opaque" });
    const hidden = await add(opaque.api, { traceId: "trace-9" });
    const hiddenId = hidden.kind === "added" ? hidden.draftDatasetId : 0;
    expect(await opaque.api.findRows(hiddenId, "trace-9")).toMatchObject({ value: { rows: [] } });
  });

  test("that match in more than a page are not all shown, and that is said", async () => {
    const { api } = await openSandbox({ seedRows: 150 });
    const outcome = await add(api);
    const draftId = outcome.kind === "added" ? outcome.draftDatasetId : 0;
    const found = await api.findRows(draftId, "seed");
    expect(found).toMatchObject({ value: { complete: false } });
    expect(found.ok && found.value.rows).toHaveLength(100);
  });

  test("from nothing are there at once", async () => {
    const { api } = await openSandbox({ seedRows: null });
    expect(await api.listDatasets(42)).toEqual({ ok: true, status: 200, value: [] });
    const created = await api.createDraft({ datasetGroupId: 42, sourceDatasetId: undefined });
    expect(created).toMatchObject({ ok: true, status: 201 });
  });

  test("of a group or a dataset that does not exist are not found", async () => {
    const { api } = await openSandbox({ groups: () => false });
    expect(await api.listDatasets(42)).toEqual({ ok: true, status: 200, value: [] });
    const created = await api.createDraft({ datasetGroupId: 42, sourceDatasetId: undefined });
    expect(created).toMatchObject({ ok: false, kind: "not_found" });
    expect(await api.countRows(999)).toMatchObject({ ok: false, kind: "not_found" });
  });

  test("are forbidden to a key without the rights", async () => {
    const { api } = await openSandbox({ forbiddenEndpoints: ["create-draft", "dataset-rows"] });
    const created = await api.createDraft({ datasetGroupId: 42, sourceDatasetId: undefined });
    expect(created).toMatchObject({ ok: false, kind: "forbidden" });
    expect(await api.countRows(1)).toMatchObject({ ok: false, kind: "forbidden" });
  });
});

describe("the key", () => {
  test("that is wrong shows in the first read", async () => {
    const { api } = await openSandbox({ keys: ["another"] });
    expect(await api.listDatasets(undefined)).toMatchObject({ ok: false, kind: "unauthorized", status: 401 });
  });

  test("that is right lists the workspace", async () => {
    const { api } = await openSandbox({ keys: [TEST_KEY] });
    expect(await api.listDatasets(undefined)).toMatchObject({ ok: true });
  });
});
