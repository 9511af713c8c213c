/** The record: what was applied survives the sandbox, and several sandboxes on one record agree. */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/server.ts";
import { addTrace, API, call } from "../support/sandbox-caller.ts";
import { added, createdGroup, datasets, rows } from "./sandbox-shapes.ts";

let directory = "";
let recordFile = "";
const open: Sandbox[] = [];
const children: ChildProcess[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "traceload-test-"));
  recordFile = join(directory, "deep", "record.ndjson");
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const sandbox of open.splice(0)) await sandbox.close();
  rmSync(directory, { recursive: true, force: true });
});
async function start(options: SandboxOptions = {}): Promise<Sandbox> {
  const sandbox = await startSandbox({ recordFile, ...options });
  open.push(sandbox);
  return sandbox;
}
async function draftOf(url: string, traceId: string): Promise<number> {
  return added.parse((await addTrace(url, traceId)).body).draft_dataset_id;
}
async function traceIds(url: string, datasetId: number): Promise<unknown[]> {
  const reply = await call(url, `${API}/datasets/${datasetId}/rows?per_page=100`);
  return rows.parse(reply.body).rows.map(([cell]) => cell?.value);
}
async function versions(url: string): Promise<[number, number][]> {
  const reply = await call(url, `${API}/datasets?dataset_group_id=42`);
  return datasets.parse(reply.body).datasets.map(({ id, version_number }) => [id, version_number]);
}

test("a sandbox on the record of an earlier one knows its groups, versions, draft and rows", async () => {
  const first = await start({ seedRows: 2 });
  await draftOf(first.url, "t1");
  first.publish(42);
  const draftId = await draftOf(first.url, "t2 ü\n");
  const group = createdGroup.parse(
    (await call(first.url, `${API}/dataset-groups`, { body: { name: "Mine" } })).body,
  );
  const before = { rows: first.record.rows(), versions: await versions(first.url) };
  await first.close();

  const second = await start({ seedRows: 99 });
  expect({ rows: second.record.rows(), versions: await versions(second.url) }).toEqual(before);
  expect(await draftOf(second.url, "t3")).toBe(draftId);
  expect(await traceIds(second.url, draftId)).toEqual(["seed-trace-1", "seed-trace-2", "t1", "t2 ü\n", "t3"]);
  expect((await addTrace(second.url, "t4", { group: group.dataset_group.id })).body).toMatchObject({
    draft_dataset_id: group.dataset.id,
  });
  expect(second.record.rows().map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
});

test("a row stands in the file before its answer is sent, so that kill -9 loses none", async () => {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL("sandbox-child.ts", import.meta.url)), JSON.stringify({ recordFile })],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  children.push(child);
  const url = await new Promise<string>((resolve) =>
    child.stdout?.once("data", (chunk) => resolve(String(chunk).trim())),
  );
  const confirmed: string[] = [];
  let sent = 0;
  const sender = async (): Promise<void> => {
    for (;;) {
      const traceId = `t${sent++}`;
      const reply = await addTrace(url, traceId).catch(() => undefined);
      if (reply === undefined) return;
      confirmed.push(traceId);
      if (confirmed.length === 300) child.kill("SIGKILL");
    }
  };
  await Promise.all(Array.from({ length: 16 }, sender));

  const { record } = await start();
  const applied = record.rows().map(({ traceId }) => traceId);
  expect(confirmed.length).toBeGreaterThanOrEqual(300);
  expect(new Set(applied)).toEqual(new Set([...applied, ...confirmed]));
  expect(record.duplicates().extra).toBe(0);
});

test("sandboxes that run at once on one record are one: one draft, one order, each other's rows", async () => {
  const [one, other] = [await start(), await start()];
  const drafts = await Promise.all(
    Array.from({ length: 200 }, (_, at) => draftOf(at % 2 === 0 ? one.url : other.url, `t${at}`)),
  );
  expect(new Set(drafts).size).toBe(1);
  expect(one.record.rows()).toEqual(other.record.rows());
  expect(one.record.rows()).toHaveLength(200);

  one.publish(42);
  const next = await draftOf(other.url, "late");
  expect(next).not.toBe(drafts[0]);
  expect(await versions(one.url)).toEqual(await versions(other.url));
  expect(await draftOf(one.url, "later")).toBe(next);
});

test("a line that a crash cut short is passed over, and the next one is whole", async () => {
  const first = await start();
  await draftOf(first.url, "t1");
  await first.close();
  appendFileSync(recordFile, '{"time":1,"dataset_group_id":42,"draft_dataset');

  const second = await start();
  await draftOf(second.url, "t2");
  expect(second.record.rows().map(({ traceId }) => traceId)).toEqual(["t1", "t2"]);
});

test("a file that is no record is refused and left as it is", async () => {
  const file = join(directory, "precious.txt");
  writeFileSync(file, "not a record\n");
  await expect(startSandbox({ recordFile: file })).rejects.toMatchObject({ code: "store_damaged" });
  expect(readFileSync(file, "utf8")).toBe("not a record\n");
});

test("a record of its own goes with the sandbox", async () => {
  const sandbox = await startSandbox();
  await draftOf(sandbox.url, "t1");
  const { file } = sandbox.record;
  expect(readFileSync(file, "utf8")).toContain('"trace_id":"t1"');
  await sandbox.close();
  expect(() => readFileSync(file)).toThrow(/ENOENT/);
});

test("the control plane shows rows, counts, duplicates and arrivals, and publishes", async () => {
  const { url } = await start({ missingTrace: (traceId) => traceId === "none" });
  const draftId = await draftOf(url, "t1");
  await addTrace(url, "t1");
  await addTrace(url, "none");
  const control = async (path: string, body?: unknown): Promise<unknown> =>
    (await call(url, `/_sandbox/${path}`, { key: null, body })).body;

  const lines = (await (await fetch(`${url}/_sandbox/record`)).text()).trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toEqual(
    [1, 2].map((seq) => ({
      seq,
      time: expect.any(Number),
      dataset_group_id: 42,
      draft_dataset_id: draftId,
      trace_id: "t1",
      span_id: null,
    })),
  );
  expect(await control("stats")).toEqual({
    applied: 2,
    requests: { "add-trace": { "201": 2, "404": 1 } },
    addTraceArrivals: 3,
    pendingLate: 0,
    duplicates: {
      distinct: 1,
      extra: 1,
      rows: [{ datasetGroupId: 42, traceId: "t1", count: 2 }],
    },
  });
  const arrivals = (await control("arrivals")) as number[];
  expect(arrivals).toHaveLength(3);
  expect(arrivals).toEqual(arrivals.toSorted((one, other) => one - other));
  await control("traces", { available: ["none"], missing: ["t1"], spans: { t9: ["s"] } });
  expect([(await addTrace(url, "none")).status, (await addTrace(url, "t1")).status]).toEqual([201, 404]);
  expect(await control("publish", { dataset_group_id: 42 })).toMatchObject({ draft_dataset_id: draftId });
  expect((await call(url, "/_sandbox/publish", { body: { dataset_group_id: 42 } })).status).toBe(404);
  expect((await call(url, "/_sandbox/publish", { body: { group: 42 } })).status).toBe(422);
  expect((await call(url, "/_sandbox/nothing")).status).toBe(404);
});
