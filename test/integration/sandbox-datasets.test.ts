/** The endpoints around datasets: groups, versions, drafts, rows; and get-trace. */
import { afterEach, describe, expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/server.ts";
import { addTrace, API, call, type Reply } from "../support/sandbox-caller.ts";
import {
  added,
  complaints,
  createdGroup,
  datasets,
  draft,
  errorBody,
  rows,
  trace,
} from "./sandbox-shapes.ts";

const open: Sandbox[] = [];
afterEach(async () => {
  for (const sandbox of open.splice(0)) await sandbox.close();
});
/** A sandbox whose clock stands still until it is moved. */
async function start(options: SandboxOptions = {}): Promise<Sandbox & { pass: (ms: number) => void }> {
  let nowMs = Date.parse("2026-01-02T03:04:05Z");
  const sandbox = await startSandbox({ wallMs: () => nowMs, ...options });
  open.push(sandbox);
  return { ...sandbox, pass: (ms) => void (nowMs += ms) };
}
const list = (url: string, query = ""): Promise<Reply> => call(url, `${API}/datasets${query}`);
const createDraft = (url: string, body: unknown): Promise<Reply> =>
  call(url, `${API}/dataset-versions/create-draft`, { body });
const saveDraft = (url: string, body: unknown): Promise<Reply> =>
  call(url, `${API}/dataset-versions/save-draft`, { body });
const createGroup = (url: string, body: unknown): Promise<Reply> =>
  call(url, `${API}/dataset-groups`, { body });
async function versions(url: string, group = 42): Promise<[id: number, version: number][]> {
  const reply = await list(url, `?dataset_group_id=${group}&per_page=100`);
  return datasets.parse(reply.body).datasets.map((dataset) => [dataset.id, dataset.version_number]);
}
async function total(url: string, datasetId: number): Promise<number> {
  return rows.parse((await call(url, `${API}/datasets/${datasetId}/rows?per_page=1`)).body).total;
}

describe("list-datasets", () => {
  test("lists a group's published version as soon as the group is named", async () => {
    const { url } = await start({ seedRows: 5 });
    const [only, ...others] = await versions(url);
    expect(others).toEqual([]);
    expect(only?.[1]).toBe(1);
    expect(await total(url, only?.[0] ?? 0)).toBe(5);
  });

  test("answers an empty page for a group that does not exist or has no version", async () => {
    const { url } = await start({ seedRows: null, groups: (id) => id === 7 });
    for (const group of [7, 8]) expect(await versions(url, group)).toEqual([]);
  });

  test("goes through pages without losing or repeating a dataset", async () => {
    const { url } = await start();
    for (let group = 1; group <= 7; group++) await versions(url, group);
    const pages = await Promise.all([1, 2, 3, 4].map((page) => list(url, `?per_page=3&page=${page}`)));
    const bodies = pages.map(({ body }) => datasets.parse(body));
    expect(bodies.map((body) => body.datasets.length)).toEqual([3, 3, 1, 0]);
    expect(bodies.map((body) => [body.total, body.pages, body.per_page])).toEqual(
      Array.from({ length: 4 }, () => [7, 3, 3]),
    );
    expect(new Set(bodies.flatMap((body) => body.datasets.map(({ id }) => id))).size).toBe(7);
  });

  test("filters and sorts by what the contract names", async () => {
    const sandbox = await start();
    const { url } = sandbox;
    await createGroup(url, { name: "Beta", external_ids: [{ source: "crm", external_id: "b" }] });
    sandbox.pass(60_000);
    await createGroup(url, { name: "alpha" });
    const names = async (query: string): Promise<string[]> =>
      datasets.parse((await list(url, query)).body).datasets.map((dataset) => dataset.dataset_group.name);
    expect(await names("")).toEqual(["alpha", "Beta"]);
    expect(await names("?name=ALPH")).toEqual(["alpha"]);
    expect(await names("?sort_by=created_at&sort_order=asc")).toEqual(["Beta", "alpha"]);
    expect(await names("?sort_by=name&sort_order=asc")).toEqual(["Beta", "alpha"]);
    expect(await names("?sort_by=id")).toEqual(["alpha", "Beta"]);
    expect(await names("?created_after=2026-01-02T03:04:30Z")).toEqual(["alpha"]);
    expect(await names("?updated_before=2026-01-02T03:04:30Z")).toEqual(["Beta"]);
    expect(await names("?external_source=crm&external_id=b")).toEqual(["Beta"]);
    for (const nothing of ["status=deleted", "prompt_id=1", "report_id=1", "created_by_email=a@b.c"]) {
      expect(await names(`?${nothing}`)).toEqual([]);
    }
    expect(await names("?status=all&workspace_id=1")).toHaveLength(2);
  });

  test.each([
    ["dataset_group_id=x", "dataset_group_id", "int_parsing"],
    ["dataset_group_id=0", "dataset_group_id", "greater_than_equal"],
    ["page=0", "page", "greater_than_equal"],
    ["per_page=101", "per_page", "less_than_equal"],
    ["per_page=", "per_page", "int_parsing"],
    ["status=gone", "status", "enum"],
    ["sort_by=size", "sort_by", "enum"],
    ["created_after=yesterday", "created_after", "datetime_parsing"],
    ["external_id=b", "external_source", "missing"],
  ])("refuses %s with a 422 that names it", async (query, field, type) => {
    const { url } = await start();
    const reply = await list(url, `?${query}`);
    expect(reply.status).toBe(422);
    expect(complaints.parse(reply.body).detail).toMatchObject([{ loc: ["query", field], type }]);
  });

  test("refuses another workspace with a 400", async () => {
    const { url } = await start();
    const reply = await list(url, "?workspace_id=2");
    expect(reply.status).toBe(400);
    errorBody.parse(reply.body);
  });
});

describe("create-draft", () => {
  test("opens an empty draft with 201, and only one", async () => {
    const { url } = await start({ seedRows: 5 });
    const first = await createDraft(url, { dataset_group_id: 42 });
    const again = await createDraft(url, { dataset_group_id: 42 });
    expect([first.status, again.status]).toEqual([201, 409]);
    errorBody.parse(again.body);
    const { draft_dataset_id: id } = draft.parse(first.body);
    expect(await versions(url)).toContainEqual([id, -1]);
    expect(await total(url, id)).toBe(0);
  });

  test("of several at once lets one through", async () => {
    const { url } = await start();
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => createDraft(url, { dataset_group_id: 42 })),
    );
    expect(replies.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([
      201,
      ...Array(7).fill(409),
    ]);
  });

  test("answers 202 and copies the source's rows, at once unless a pace is set", async () => {
    const { url } = await start({ seedRows: 5 });
    const [[source] = [0]] = await versions(url);
    const reply = await createDraft(url, { dataset_group_id: 42, source_dataset_id: source });
    expect(reply.status).toBe(202);
    expect(await total(url, draft.parse(reply.body).draft_dataset_id)).toBe(5);
  });

  test("copies at the pace that was set, while rows are added behind", async () => {
    const sandbox = await start({ seedRows: 100, seedRowsPerSecond: 10 });
    const { url, pass } = sandbox;
    const [[source] = [0]] = await versions(url);
    const reply = await createDraft(url, { dataset_group_id: 42, source_dataset_id: source });
    const id = draft.parse(reply.body).draft_dataset_id;
    expect(await total(url, id)).toBe(0);
    pass(2500);
    expect(await total(url, id)).toBe(25);
    expect(added.parse((await addTrace(url, "t1")).body).draft_dataset_id).toBe(id);
    expect(await total(url, id)).toBe(26);
    pass(60_000);
    expect(await total(url, id)).toBe(101);
  });

  test("refuses a source of another group, and a group that does not exist, with a 404", async () => {
    const { url } = await start();
    const [[other] = [0]] = await versions(url, 43);
    const foreign = await createDraft(url, { dataset_group_id: 42, source_dataset_id: other });
    const nowhere = await createDraft(url, { dataset_group_id: 5000 });
    expect([foreign.status, nowhere.status]).toEqual([404, 404]);
    errorBody.parse(foreign.body);
    errorBody.parse(nowhere.body);
  });

  test("refuses wrong types with a 422", async () => {
    const { url } = await start();
    for (const body of [{}, { dataset_group_id: "42" }, { dataset_group_id: 42, source_dataset_id: 0 }]) {
      const reply = await createDraft(url, body);
      expect(reply.status).toBe(422);
      complaints.parse(reply.body);
    }
  });

  test("can be forbidden while rows may be added", async () => {
    const { url } = await start({ forbiddenEndpoints: ["create-draft", "list-datasets"] });
    expect((await createDraft(url, { dataset_group_id: 42 })).status).toBe(403);
    expect((await list(url)).status).toBe(403);
    expect((await addTrace(url, "t1")).status).toBe(201);
  });
});

describe("save-draft", () => {
  test("publishes the draft a moment after its 202, as the next version", async () => {
    const { url, pass } = await start({ seedRows: 3, publishDelayMs: 200 });
    const { draft_dataset_id: first } = added.parse((await addTrace(url, "t1")).body);
    const reply = await saveDraft(url, { dataset_group_id: 42 });
    expect(reply.status).toBe(202);
    expect(draft.parse(reply.body).draft_dataset_id).toBe(first);
    expect(await versions(url)).toContainEqual([first, -1]);
    pass(200);
    expect((await versions(url)).map(([, version]) => version)).toEqual([2, 1]);

    const { draft_dataset_id: second } = added.parse((await addTrace(url, "t2")).body);
    expect(second).not.toBe(first);
    expect(await total(url, first)).toBe(4);
    expect(await total(url, second)).toBe(5);
  });

  test("waits for a draft that is still being copied", async () => {
    const { url, pass } = await start({ seedRows: 10, seedRowsPerSecond: 1, publishDelayMs: 0 });
    await addTrace(url, "t1");
    await saveDraft(url, { dataset_group_id: 42 });
    pass(9000);
    expect((await versions(url)).map(([, version]) => version)).toEqual([-1, 1]);
    pass(1000);
    expect((await versions(url)).map(([, version]) => version)).toEqual([2, 1]);
  });

  test("without a draft, or for no group, is a 404; with a wrong type a 422", async () => {
    const { url } = await start();
    expect((await saveDraft(url, { dataset_group_id: 42 })).status).toBe(404);
    expect((await saveDraft(url, { dataset_group_id: 5000 })).status).toBe(404);
    expect((await saveDraft(url, { dataset_group_id: null })).status).toBe(422);
  });
});

describe("dataset rows", () => {
  test("hold the IDs in their cells, old rows first, page by page", async () => {
    const { url } = await start({ seedRows: 2 });
    await addTrace(url, "t1", { spanId: "s1" });
    const { draft_dataset_id: id } = added.parse((await addTrace(url, "t2")).body);
    const pages = await Promise.all(
      [1, 2].map((page) => call(url, `${API}/datasets/${id}/rows?per_page=3&page=${page}`)),
    );
    const [first, second] = pages.map(({ body }) => rows.parse(body));
    expect(first).toMatchObject({ columns: ["trace_id", "span_id"], total: 4, pages: 2, per_page: 3 });
    expect(
      [...(first?.rows ?? []), ...(second?.rows ?? [])].map((row) => row.map(({ value }) => value)),
    ).toEqual([
      ["seed-trace-1", null],
      ["seed-trace-2", null],
      ["t1", "s1"],
      ["t2", null],
    ]);
  });

  test("are found by q, in any case and any cell, with a total of those found", async () => {
    const { url } = await start();
    let id = 0;
    for (const traceId of ["abc-1", "ABC-2", "xyz"]) {
      id = added.parse((await addTrace(url, traceId, { spanId: "s" })).body).draft_dataset_id;
    }
    const found = rows.parse((await call(url, `${API}/datasets/${id}/rows?q=Abc&per_page=1&page=2`)).body);
    expect(found).toMatchObject({ total: 2, pages: 2, page: 2 });
    expect(found.rows[0]?.[0]?.value).toBe("ABC-2");
  });

  test("tell nothing of the IDs when they are opaque", async () => {
    const { url } = await start({ rows: "opaque" });
    const { draft_dataset_id: id } = added.parse((await addTrace(url, "t1", { spanId: "s1" })).body);
    const reply = rows.parse((await call(url, `${API}/datasets/${id}/rows`)).body);
    expect(reply.total).toBe(1);
    expect(JSON.stringify(reply.rows)).not.toMatch(/t1|s1/);
  });

  test("of a published version survive in the drafts opened from it", async () => {
    const { url, publish } = await start();
    await addTrace(url, "t1");
    publish(42);
    await addTrace(url, "t2");
    publish(42);
    const { draft_dataset_id: id } = added.parse((await addTrace(url, "t3")).body);
    const reply = rows.parse((await call(url, `${API}/datasets/${id}/rows`)).body);
    expect(reply.rows.map(([cell]) => cell?.value)).toEqual(["t1", "t2", "t3"]);
  });

  test("of no dataset are a 404, of a wrong page or id a 422", async () => {
    const { url } = await start();
    expect((await call(url, `${API}/datasets/999999/rows`)).status).toBe(404);
    for (const path of ["x/rows", "1/rows?per_page=0", "1/rows?page=a"]) {
      const reply = await call(url, `${API}/datasets/${path}`);
      expect(reply.status).toBe(422);
      complaints.parse(reply.body);
    }
  });
});

describe("create-dataset-group", () => {
  test("makes a group with an empty draft, beyond the groups that were there", async () => {
    const { url } = await start();
    const externalIds = [{ source: "crm", external_id: "7" }];
    const reply = await createGroup(url, { name: "Mine", folder_id: 3, external_ids: externalIds });
    expect(reply.status).toBe(201);
    const body = createdGroup.parse(reply.body);
    expect(body.dataset.version_number).toBe(-1);
    expect(body.external_ids).toEqual(externalIds);
    expect(body.dataset_group.id).toBeGreaterThan(1000);
    const row = await addTrace(url, "t1", { group: body.dataset_group.id });
    expect(added.parse(row.body).draft_dataset_id).toBe(body.dataset.id);
  });

  test("refuses a name twice (400), an external ID twice (409), another workspace (400)", async () => {
    const { url } = await start();
    const external = { external_ids: [{ source: "crm", external_id: "7" }] };
    await createGroup(url, { name: "Mine", ...external });
    const replies = [
      await createGroup(url, { name: "Mine" }),
      await createGroup(url, { name: "Other", ...external }),
      await createGroup(url, { name: "Third", workspace_id: 2 }),
    ];
    expect(replies.map(({ status }) => status)).toEqual([400, 409, 400]);
    for (const { body } of replies) errorBody.parse(body);
  });

  test("refuses wrong types, and fields that external IDs may not have, with a 422", async () => {
    const { url } = await start();
    const bad = { source: "", external_id: "7", extra: 1 };
    const reply = await createGroup(url, { folder_id: "x", external_ids: [bad, 3] });
    expect(reply.status).toBe(422);
    expect(complaints.parse(reply.body).detail.map(({ loc }) => loc.join("."))).toEqual([
      "body.name",
      "body.folder_id",
      "body.external_ids.0.extra",
      "body.external_ids.0.source",
      "body.external_ids.1",
    ]);
  });
});

describe("get-trace", () => {
  test("answers the spans it was given, decoding the ID", async () => {
    const sandbox = await start();
    sandbox.setTraces({ spans: { "a/b c": ["s1", "s2"] } });
    const reply = await call(sandbox.url, `${API}/traces/${encodeURIComponent("a/b c")}`);
    const body = trace.parse(reply.body);
    expect(body.trace_id).toBe("a/b c");
    expect(body.spans.map(({ span_id }) => span_id)).toEqual(["s1", "s2"]);
  });

  test("is a 404 for a trace that is not there", async () => {
    const { url } = await start({ missingTrace: () => true });
    const reply = await call(url, `${API}/traces/t1`);
    expect(reply.status).toBe(404);
    errorBody.parse(reply.body);
  });
});

describe("addresses", () => {
  test("that are not the API's are a 404, key or no key", async () => {
    const { url } = await start();
    for (const path of ["/", "/api", `${API}/datasets/`, `${API}/dataset-versions/add-traces`]) {
      expect(await call(url, path, { key: null })).toMatchObject({
        status: 404,
        body: { detail: "Not Found" },
      });
    }
  });

  test("with the wrong method are a 405 that names the right one", async () => {
    const { url } = await start();
    const cases = [
      [`${API}/dataset-versions/add-trace`, "GET", "POST"],
      [`${API}/dataset-versions/add-trace`, "PUT", "POST"],
      [`${API}/dataset-versions/create-draft`, "GET", "POST"],
      [`${API}/datasets`, "POST", "GET"],
      [`${API}/datasets/1/rows`, "DELETE", "GET"],
    ] as const;
    for (const [path, method, allow] of cases) {
      const reply = await call(url, path, { method });
      expect([reply.status, reply.headers.get("allow")]).toEqual([405, allow]);
    }
  });

  test.each([
    ["list-datasets", `${API}/datasets`, undefined],
    ["dataset rows", `${API}/datasets/1/rows`, undefined],
    ["get-trace", `${API}/traces/t1`, undefined],
    ["create-dataset-group", `${API}/dataset-groups`, {}],
    ["create-draft", `${API}/dataset-versions/create-draft`, {}],
    ["save-draft", `${API}/dataset-versions/save-draft`, {}],
  ])("of %s want a key, and one with rights", async (_name, path, body) => {
    const { url } = await start({ keys: ["good"], forbiddenKeys: ["guest"] });
    const none = await call(url, path, { key: null, body });
    const guest = await call(url, path, { key: "guest", body });
    expect([none.status, guest.status]).toEqual([401, 403]);
    errorBody.parse(none.body);
    errorBody.parse(guest.body);
  });
});
