/** A person stops a run from another terminal, for now or for good. */
import { describe, expect, test } from "vitest";
import type { Run } from "../../src/core/store.ts";
import { audit } from "../support/audit.ts";
import { findRedis } from "../support/redis-server.ts";
import { readReport } from "../support/report-files.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { startTestSandbox } from "../support/sandbox.ts";
import { openScene } from "../support/scene.ts";

const redis = await findRedis("pausing and cancelling runs");
const ROWS = 400;
/** Within this time every process has stopped sending; a little more for a busy machine. */
const STOPPED_WITHIN_MS = 2_000;
const ON_THE_WAY_MS = 500;

async function open(name: string) {
  const server = await redis?.start();
  const scene = await openScene(name);
  if (server !== undefined) scene.atEnd(() => server.stop());
  const sandbox = await startTestSandbox(scene, ["--latency", "20ms"]);
  const file = await scene.write("rows.csv", csvOf(rowIds(ROWS)));
  const store = `--store=${server?.url ?? ""}`;
  const api = `--base-url=${sandbox.url}`;
  const startImport = (...flags: string[]) =>
    scene.start(["import", file, "-g", "42", "--run-id=r", "--rate=40/s", "--json", store, api, ...flags]);
  return { scene, sandbox, store, api, startImport };
}

describe.skipIf(redis === undefined)("on Redis, with a worker", () => {
  test("pause stops every process within 2 s; the import reports and exits 4; resume sends the rest", async () => {
    const { scene, sandbox, store, api, startImport } = await open("pause");
    const worker = scene.start(["worker", store, api]);
    await worker.until(() => worker.stderr().includes("serving runs"));
    const importing = startImport();
    await importing.until(async () => (await sandbox.stats()).applied >= 40);
    // Both do their part by now.
    await worker.until(() => worker.stderr().includes("run r: started"));
    const paused = await scene.run(["pause", store, "--json"]);
    const toldAt = Date.now();
    expect(paused.code).toBe(0);
    expect(JSON.parse(paused.stdout)).toMatchObject({ runId: "r", state: "paused" });
    const ended = await importing.ended;
    expect(ended.code).toBe(4);
    const { summary } = await readReport(scene.directory, ended);
    expect(summary).toMatchObject({ state: "paused", counts: { read: ROWS, unknown: 0 } });
    expect(summary.counts.unprocessed).toBe(ROWS - summary.counts.added);
    expect(summary.next[0]).toContain("traceload resume r");
    await worker.until(() => worker.stderr().includes("run r: paused"));
    const last = Math.max(...(await sandbox.arrivals()));
    expect(last).toBeLessThan(toldAt + STOPPED_WITHIN_MS + ON_THE_WAY_MS);

    const resumed = await scene.run(["resume", "--rate=unlimited", "--json", store, api]);
    const report = await readReport(scene.directory, resumed);
    expect(report.summary).toMatchObject({ runId: "r", state: "finished", counts: { added: ROWS } });
    expect(audit({ record: await sandbox.record(), report, rowsRead: ROWS })).toEqual([]);
    expect((await sandbox.stats()).addTraceArrivals).toBe(ROWS);
  }, 60_000);

  test("cancel of a run left to the workers winds it down itself; only by its name is it resumed", async () => {
    const { scene, sandbox, store, api, startImport } = await open("cancel");
    const worker = scene.start(["worker", store, api]);
    await worker.until(() => worker.stderr().includes("serving runs"));
    const detached = await startImport("--detach").ended;
    expect(detached.code).toBe(4);
    await worker.until(async () => (await sandbox.stats()).applied >= 40);
    const cancelled = await scene.run(["cancel", "r", store, "--json"]);
    expect(cancelled.code).toBe(0);
    const run = JSON.parse(cancelled.stdout) as Run;
    expect(run).toMatchObject({ state: "cancelled", counts: { queued: 0 } });
    expect(run.finishedAt).toBeGreaterThan(0);
    expect(run.counts.unprocessed).toBe(ROWS - run.counts.added);

    const told = await scene.run(["cancel", "r", store]);
    const flags = `--base-url ${sandbox.url} ${store.replace("=", " ")}`;
    expect(told.stdout).toContain(`Next\n  traceload resume r ${flags}\n`);

    const nothing = await scene.run(["resume", store, api]);
    expect({ code: nothing.code, said: nothing.stderr.includes("left to be carried on") }).toEqual({
      code: 3,
      said: true,
    });
    const named = await scene.run(["resume", "r", "--rate=unlimited", "--json", store, api]);
    const report = await readReport(scene.directory, named);
    expect(report.summary).toMatchObject({ state: "finished", counts: { added: ROWS, unknown: 0 } });
    expect(audit({ record: await sandbox.record(), report, rowsRead: ROWS })).toEqual([]);
  }, 60_000);
});

test("on the embedded store only the process that has it can stop its run: the message says how", async () => {
  const scene = await openScene("pause-embedded");
  const sandbox = await startTestSandbox(scene);
  const file = await scene.write("rows.csv", csvOf(rowIds(50)));
  const importing = scene.start([
    "import",
    file,
    "--dataset-group=42",
    `--base-url=${sandbox.url}`,
    "--rate=5/s",
    "--json",
  ]);
  await importing.until(async () => (await sandbox.stats()).applied >= 3);
  const refused = await scene.run(["pause"]);
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain(`kill -INT ${importing.pid}`);
}, 60_000);
