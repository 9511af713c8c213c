/** Redis dies in the middle of a run, with the last part of its log not on disk yet, and comes back (everysec). */
import { describe, expect, test } from "vitest";
import { audit } from "../support/audit.ts";
import { logBytes, restartWithout } from "../support/redis-log.ts";
import { findRedis } from "../support/redis-server.ts";
import { openStage } from "./stage.ts";

const redis = await findRedis("a Redis that forgets", { restartable: true });

describe.skipIf(redis?.kind !== "binary")("Redis killed, with the end of its log lost", () => {
  test("sends no row twice: those who sent tell it again before anybody claims", async () => {
    const rows = 300;
    const stage = await openStage({
      name: "redis-forgets",
      rows,
      redis,
      appendfsync: "everysec",
      sandbox: ["--latency", "100ms..300ms"],
      timeFlags: ["--lease-ttl=3s"],
    });
    const workers = [stage.startWorker(), stage.startWorker()];
    for (const worker of workers) await stage.untilServing(worker);
    const importing = stage.startImport();
    await stage.untilApplied(60, importing);
    const server = stage.redis;
    if (server === undefined) throw new Error("the stage has a Redis");
    const mark = await logBytes(server);
    await stage.untilApplied(120, importing);
    await restartWithout(server, mark);
    const sentBefore = (await stage.sandbox.record()).length;
    const ended = await importing.ended;

    const report = await stage.report(ended);
    const record = await stage.sandbox.record();
    expect(audit({ record, report, rowsRead: rows })).toEqual([]);
    expect(sentBefore).toBeLessThan(rows);
    expect(report.summary).toMatchObject({ state: "finished", counts: { added: rows, unknown: 0 } });
    expect(report.summary.warnings).toContainEqual(
      expect.stringContaining("Redis was restarted or replaced"),
    );
    expect(workers.map((worker) => worker.running())).toEqual([true, true]);
  }, 60_000);
});
