import { describe, expect, test } from "vitest";
import type { Api, ApiAnswer } from "../../src/core/api.ts";
import { openApi, TEST_KEY } from "../support/api-under-test.ts";
import { httpAnswer, type RawRequest, type RawServer, startRawServer } from "../support/raw-server.ts";

type Answering = (request: RawRequest) => Buffer | string;

async function serve(answering: Answering): Promise<{ server: RawServer; api: Api }> {
  const server = await startRawServer((request) => request.socket.write(answering(request)));
  const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}`, wallMs: () => Date.UTC(2026, 0, 1) });
  return { server, api };
}

function json(status: number, value: unknown, headers: readonly string[] = []): Buffer {
  return httpAnswer(status, JSON.stringify(value), headers);
}

function dataset(id: number, group = 42, version = 1): Record<string, unknown> {
  return {
    id,
    dataset_group_id: group,
    version_number: version,
    column_names: [],
    is_deleted: false,
    user_id: 1,
  };
}

function page(datasets: unknown[], pages: number): Buffer {
  return json(200, { success: true, message: "", datasets, page: 1, per_page: 100, total: 0, pages });
}

describe("listing a group's datasets", () => {
  test("reads all pages, each dataset once, and only those of the group", async () => {
    const pages = [
      page([dataset(1), dataset(2)], 3),
      page([dataset(2), { ...dataset(3), is_deleted: true }], 3),
      page([dataset(4, 43), dataset(5, 42, -1)], 3),
    ];
    const { server, api } = await serve(() => pages[server.requests.length - 1] ?? "");
    expect(await api.listDatasets(42)).toEqual({
      ok: true,
      status: 200,
      value: [
        { id: 1, datasetGroupId: 42, versionNumber: 1 },
        { id: 2, datasetGroupId: 42, versionNumber: 1 },
        { id: 5, datasetGroupId: 42, versionNumber: -1 },
      ],
    });
    expect(server.requests.map(({ head }) => head.split(" ")[1])).toEqual([
      "/api/public/v2/datasets?dataset_group_id=42&page=1&per_page=100",
      "/api/public/v2/datasets?dataset_group_id=42&page=2&per_page=100",
      "/api/public/v2/datasets?dataset_group_id=42&page=3&per_page=100",
    ]);
    expect(server.requests[0]?.head).toContain(`x-api-key: ${TEST_KEY}`);
  });

  test("of no group reads one page", async () => {
    const { server, api } = await serve(() => page([dataset(1, 7), dataset(2, 8)], 50));
    expect(await api.listDatasets(undefined)).toMatchObject({ ok: true, value: [{ id: 1 }, { id: 2 }] });
    expect(server.requests).toHaveLength(1);
  });

  test("without any datasets is an empty list", async () => {
    const { api } = await serve(() => page([], 0));
    expect(await api.listDatasets(42)).toEqual({ ok: true, status: 200, value: [] });
  });

  test("fails as a whole if a later page fails", async () => {
    const { server, api } = await serve(() =>
      server.requests.length === 1 ? page([dataset(1)], 2) : json(500, { message: "oops" }),
    );
    expect(await api.listDatasets(42)).toMatchObject({ ok: false, kind: "server_error", message: "oops" });
  });
});

describe("creating a draft", () => {
  test.each([201, 202])("%i is a draft, and the status tells which", async (status) => {
    const { server, api } = await serve(() =>
      json(status, { success: true, message: "", draft_dataset_id: 9 }),
    );
    const answer = await api.createDraft({ datasetGroupId: 42, sourceDatasetId: 5 });
    expect(answer).toEqual({ ok: true, status, value: { draftDatasetId: 9 } });
    expect(server.requests[0]?.head).toMatch(/^POST \/api\/public\/v2\/dataset-versions\/create-draft /u);
    expect(JSON.parse(server.requests[0]?.body ?? "")).toEqual({
      dataset_group_id: 42,
      source_dataset_id: 5,
    });
  });

  test("from nothing names no source", async () => {
    const { server, api } = await serve(() => json(201, { success: true, message: "", draft_dataset_id: 9 }));
    await api.createDraft({ datasetGroupId: 42, sourceDatasetId: undefined });
    expect(JSON.parse(server.requests[0]?.body ?? "")).toEqual({ dataset_group_id: 42 });
  });

  test("where one exists is a conflict", async () => {
    const { api } = await serve(() =>
      json(409, { success: false, message: "A draft version already exists" }),
    );
    expect(await api.createDraft({ datasetGroupId: 42, sourceDatasetId: undefined })).toEqual({
      ok: false,
      kind: "conflict",
      status: 409,
      message: "A draft version already exists",
      retryInMs: undefined,
    });
  });
});

describe("counting rows", () => {
  test("reads the total, and as few rows as can be asked for", async () => {
    const { server, api } = await serve(() => json(200, { success: true, rows: [], total: 4711 }));
    expect(await api.countRows(9)).toEqual({ ok: true, status: 200, value: 4711 });
    expect(server.requests[0]?.head).toMatch(
      /^GET \/api\/public\/v2\/datasets\/9\/rows\?page=1&per_page=1 /u,
    );
  });
});

describe("a read that fails", () => {
  const cases: [string, Buffer | string, Partial<ApiAnswer<never>>][] = [
    ["401", json(401, { message: "Invalid API key" }), { kind: "unauthorized", message: "Invalid API key" }],
    ["403", json(403, { message: "no access" }), { kind: "forbidden", message: "no access" }],
    ["403 as a page", httpAnswer(403, "<h1>Blocked</h1>"), { kind: "forbidden" }],
    ["404 of the API", json(404, { success: false, message: "no dataset" }), { kind: "not_found" }],
    ["404 of a framework", json(404, { detail: "Not Found" }), { kind: "wrong_endpoint" }],
    ["404 as a page", httpAnswer(404, "<h1>Nothing here</h1>"), { kind: "wrong_endpoint" }],
    ["405", httpAnswer(405, ""), { kind: "wrong_endpoint" }],
    ["407", httpAnswer(407, ""), { kind: "wrong_endpoint" }],
    ["a redirect", httpAnswer(302, "", ["location: /login"]), { kind: "wrong_endpoint" }],
    ["200 as a page", httpAnswer(200, "<h1>Welcome</h1>"), { kind: "wrong_endpoint", status: 200 }],
    ["200 of another service", json(200, { hello: "world" }), { kind: "wrong_endpoint" }],
    ["200 without success", json(200, { success: false, total: 1, message: "sorry" }), { message: "sorry" }],
    [
      "422",
      json(422, { detail: [{ loc: ["query", "page"], msg: "too small" }] }),
      { message: "query.page: too small" },
    ],
    ["429", json(429, {}, ["retry-after: 3"]), { kind: "rate_limited", retryInMs: 3000 }],
    ["500", json(500, { error: "oops" }), { kind: "server_error", message: "oops" }],
    [
      "503",
      httpAnswer(503, "", ["retry-after: Thu, 01 Jan 2026 00:00:09 GMT"]),
      { kind: "server_error", retryInMs: 9000 },
    ],
  ];

  test.each(cases)("with %s says so", async (_name, bytes, expected) => {
    const { api } = await serve(() => bytes);
    expect(await api.countRows(1)).toMatchObject({ ok: false, ...expected });
  });

  test("with an answer that breaks off was unreachable", async () => {
    const server = await startRawServer(({ socket }) =>
      socket.end("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"),
    );
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}` });
    const message = `127.0.0.1:${server.port}: the answer broke off`;
    expect(await api.countRows(1)).toMatchObject({ ok: false, kind: "unreachable", message });
  });

  test("with silence was unreachable after its time", async () => {
    const server = await startRawServer(({ socket }) => {
      if (server.requests.length === 1) socket.write(json(200, { total: 1 }));
    });
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}`, readTimeoutMs: 200 });
    expect(await api.countRows(1)).toMatchObject({ ok: true });
    const message = `127.0.0.1:${server.port}: no answer within 200 ms`;
    expect(await api.countRows(1)).toMatchObject({ ok: false, kind: "unreachable", message });
  });

  test("for want of a name was unreachable, and names the host", async () => {
    const api = openApi({ baseUrl: "https://no-such-host.invalid" });
    expect(await api.listDatasets(undefined)).toMatchObject({
      ok: false,
      kind: "unreachable",
      message: expect.stringMatching(/^no-such-host\.invalid: name /u),
    });
  });
});

describe("a read that is given up", () => {
  test("rejects with the signal's reason, though its request has left", async () => {
    const giveUp = new AbortController();
    const reason = new Error("enough");
    const server = await startRawServer(() => giveUp.abort(reason));
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}` });
    await expect(api.countRows(1, { signal: giveUp.signal })).rejects.toBe(reason);
  });

  test("before it began sends nothing", async () => {
    const server = await startRawServer(() => {});
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}` });
    const reason = new Error("enough");
    await expect(api.listDatasets(1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(server.sockets).toHaveLength(0);
  });
});
