/** Redis dies in the middle of a run and comes back: `kill -9`, appendonly, appendfsync always. */
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { audit } from "../support/audit.ts";
import { findRedis } from "../support/redis-server.ts";
import { openStage } from "./stage.ts";

const redis = await findRedis("a killed Redis", { restartable: true });
const AWAY_MS = 700;

describe.skipIf(redis === undefined)("Redis killed and restarted in the middle of a run", () => {
  test("delays the run: every row is added once, and none is in doubt", async () => {
    const rows = 400;
    const stage = await openStage({
      name: "redis-killed",
      rows,
      redis,
      sandbox: ["--latency", "40ms..80ms"],
    });
    const workers = [stage.startWorker(), stage.startWorker()];
    for (const worker of workers) await stage.untilServing(worker);
    const importing = stage.startImport();
    for (const applied of [60, 200]) {
      await stage.untilApplied(applied, importing);
      await stage.redis?.kill();
      await pause(AWAY_MS);
      await stage.redis?.restart();
    }
    const ended = await importing.ended;

    const report = await stage.report(ended);
    expect(audit({ record: await stage.sandbox.record(), report, rowsRead: rows })).toEqual([]);
    expect(report.summary).toMatchObject({ state: "finished", counts: { added: rows, unknown: 0 } });
    expect(ended.code).toBe(0);
    expect(workers.map((worker) => worker.running())).toEqual([true, true]);
  }, 60_000);
});
