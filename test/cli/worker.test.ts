/** Several processes on one Redis: runs that are handed over, and runs that workers help with. */
import { describe, expect, test } from "vitest";
import type { Run } from "../../src/core/store.ts";
import { audit } from "../support/audit.ts";
import { findRedis } from "../support/redis-server.ts";
import { readReport } from "../support/report-files.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { startTestSandbox } from "../support/sandbox.ts";
import { openScene } from "../support/scene.ts";

const redis = await findRedis("workers", { restartable: true });

describe.skipIf(redis === undefined)("workers on Redis", () => {
  test("find a detached run by themselves and finish it; the import has left with exit 4", async () => {
    const scene = await openScene("detached");
    const server = await redis!.start();
    scene.atEnd(() => server.stop());
    const sandbox = await startTestSandbox(scene, ["--latency", "10ms..20ms"]);
    const to = ["--base-url", sandbox.url, "--store", server.url];
    const workers = [scene.start(["worker", ...to]), scene.start(["worker", ...to])];
    for (const worker of workers) await worker.until(() => worker.stderr().includes("serving runs"));
    const file = await scene.write("rows.csv", `${csvOf(rowIds(200))},no-trace\n`);

    const importing = scene.start([
      "import",
      file,
      "--dataset-group=42",
      "--run-id=handed",
      "--rate=100/s",
      "--detach",
      "--json",
      ...to,
    ]);
    const left = await importing.ended;
    expect(left.code).toBe(4);
    expect((JSON.parse(left.stdout) as { next: string[] }).next[0]).toContain("traceload status handed");

    let run: Run | undefined;
    await workers[0]!.until(async () => {
      if (!workers.some((worker) => worker.stderr().includes("run handed: finished"))) return false;
      const status = await scene.run(["status", "handed", "--json", "--store", server.url]);
      run = JSON.parse(status.stdout) as Run;
      return run.state === "finished";
    });
    for (const worker of workers) expect(worker.stderr()).toContain("run handed: started");

    const told = await scene.run(["report", "handed", "--json", "--store", server.url]);
    expect(told.code).toBe(0);
    const report = await readReport(scene.directory, told);
    expect(audit({ record: await sandbox.record(), report, rowsRead: 201 })).toEqual([]);
    expect(report.summary.counts).toMatchObject({ added: 200, invalid: 1 });
    expect(report.summary.exitCode).toBe(1);

    for (const worker of workers) await worker.kill("SIGTERM");
    for (const worker of workers) expect((await worker.ended).code).toBe(0);
  }, 90_000);

  test("told to stop, say so over HTTP, and leave after the drain time what does not end", async () => {
    const scene = await openScene("drained");
    const server = await redis!.start();
    scene.atEnd(() => server.stop());
    const sandbox = await startTestSandbox(scene, ["--fault", "hang@3"]);
    const to = ["--base-url", sandbox.url, "--store", server.url];
    const worker = scene.start(["worker", "--health-port=0", "--drain-timeout=4s", ...to]);
    await worker.until(() => worker.stderr().includes("serving runs"));
    const [url = ""] = /http:\/\/127\.0\.0\.1:\d+(?=\/live)/.exec(worker.stderr()) ?? [];
    expect((await fetch(`${url}/ready`)).status).toBe(200);
    const file = await scene.write("rows.csv", csvOf(rowIds(3)));
    await scene.run(["import", file, "-g", "42", "--run-id", "hanging", "--detach", ...to]);
    await worker.until(async () => (await sandbox.stats()).addTraceArrivals === 3);

    const ended = worker.kill("SIGTERM");
    await worker.until(async () => (await fetch(`${url}/ready`)).status === 503);
    expect(await (await fetch(`${url}/ready`)).json()).toEqual({ status: "draining" });
    expect((await fetch(`${url}/live`)).status).toBe(200);
    await ended;
    expect((await worker.ended).code).toBe(143);
    expect(worker.stderr()).toContain("left 4 s after the signal");
    const status = await scene.run(["status", "hanging", "--json", "--store", server.url]);
    expect(JSON.parse(status.stdout)).toMatchObject({ counts: { added: 2, unknown: 1 } });
  }, 60_000);

  test("leave runs of another API alone, and say so", async () => {
    const scene = await openScene("foreign");
    const server = await redis!.start();
    scene.atEnd(() => server.stop());
    const sandbox = await startTestSandbox(scene);
    const to = ["--base-url", sandbox.url, "--store", server.url];
    const worker = scene.start(["worker", ...to], { env: { PROMPTLAYER_API_KEY: "pl_anotherKey" } });
    await worker.until(() => worker.stderr().includes("serving runs"));
    const file = await scene.write("rows.csv", csvOf(rowIds(5)));
    await scene.run(["import", file, "-g", "42", "--run-id", "theirs", "--detach", ...to]);
    await worker.until(() => worker.stderr().includes("run theirs is of another API or key"));
    expect((await sandbox.stats()).addTraceArrivals).toBe(0);
  }, 60_000);
});
