/** A worker dies in the middle of its work: `kill -9`, rows in flight. */
import { describe, expect, test } from "vitest";
import { audit } from "../support/audit.ts";
import { findRedis } from "../support/redis-server.ts";
import { CONCURRENCY, openStage } from "./stage.ts";

const redis = await findRedis("a killed worker", { restartable: true });

describe.skipIf(redis === undefined)("a worker killed with rows in flight", () => {
  test("leaves only those unknown; the others are added by who is left, each once", async () => {
    const rows = 400;
    const stage = await openStage({
      name: "worker-killed",
      rows,
      redis,
      sandbox: ["--latency", "60ms..120ms"],
    });
    const workers = [stage.startWorker(), stage.startWorker()];
    for (const worker of workers) await stage.untilServing(worker);
    const importing = stage.startImport();
    const victim = workers[0]!;
    await victim.until(() => victim.stderr().includes(": started"));
    await stage.untilApplied(60, importing);
    await victim.kill("SIGKILL");
    const ended = await importing.ended;

    const report = await stage.report(ended);
    expect(audit({ record: await stage.sandbox.record(), report, rowsRead: rows })).toEqual([]);
    const { counts, state } = report.summary;
    expect({ state, lost: rows - counts.added - counts.unknown }).toEqual({ state: "finished", lost: 0 });
    expect(counts.unknown).toBeGreaterThan(0);
    expect(counts.unknown).toBeLessThanOrEqual(CONCURRENCY);
    expect(ended.code).toBe(6);
  }, 60_000);
});
