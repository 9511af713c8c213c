/** No worker runs while five ticks come due; then one starts. One sync makes up for them once, the other each time. */
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { findRedis } from "../support/redis-server.ts";
import { openSyncStage, ticksWithoutRecord, tracesCsv } from "./sync-stage.ts";

const sync = (name: string, group: number, run: string) => `
  ${name}:
    files: exports/${name}.csv
    dataset-group: ${group}
    rate: unlimited
    schedule: { cron: "*/2 * * * * *" }
    catch-up: { run: ${run} }
`;

const redis = await findRedis("a sync without workers", { restartable: true });

describe.skipIf(redis === undefined)("syncs whose workers were all down over five ticks", () => {
  test("are made up for as they say, and every tick has its record", async () => {
    const syncs = `syncs:${sync("once", 42, "once")}${sync("each", 43, "each")}`;
    const stage = await openSyncStage({ name: "sync-down", redis, syncs });
    await stage.drop("once.csv", tracesCsv(["a", "b"]));
    await stage.drop("each.csv", tracesCsv(["c", "d"]));
    expect(await stage.run(["sync", "apply"])).toMatchObject({ code: 0 });
    // Times that come due without anybody to notice.
    await pause(13_000);
    const list = async () => (await stage.run(["sync", "list"])).stdout;
    expect(await list()).toContain(", and no worker that sends to http://127.0.0.1:");
    const worker = stage.startWorker();
    const ran = async (name: string) => (await stage.history(name)).filter(({ became }) => became === "ran");
    await worker.until(async () => (await ran("each")).length >= 5 && (await ran("once")).length >= 1);

    expect(await list()).not.toContain("no worker");
    const [once, each] = [await stage.history("once"), await stage.history("each")];
    const firstRun = once.findIndex(({ became }) => became !== "missed");
    expect(firstRun).toBeGreaterThanOrEqual(5);
    expect(once[firstRun]?.became).toBe("ran");
    expect(once[0]?.why).toContain("stands in for it");
    expect(each.slice(0, 5).map(({ became }) => became)).toEqual(["ran", "ran", "ran", "ran", "ran"]);
    expect([once, each].flatMap((ticks) => ticksWithoutRecord(ticks, 2_000))).toEqual([]);
    expect(Object.fromEntries(await stage.applied())).toEqual({ a: 1, b: 1, c: 1, d: 1 });
  }, 180_000);
});
