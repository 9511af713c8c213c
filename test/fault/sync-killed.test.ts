/**
 * A sync every two seconds, two workers, and the one that runs it is killed in the middle of a run.
 * Short by default; TRACELOAD_FAULT_FULL=1 makes it a minute, with three kills.
 */
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { findRedis } from "../support/redis-server.ts";
import type { Traceload } from "../support/traceload.ts";
import { openSyncStage, overlaps, ticksWithoutRecord, tracesCsv } from "./sync-stage.ts";

const FULL = process.env["TRACELOAD_FAULT_FULL"] === "1";
const KILLS = FULL ? 3 : 1;
const FILES = FULL ? 20 : 4;
const ROWS = 30;
const EVERY_MS = 2_000;
/** From the last row that is put there: by then all is settled, and every tick has its record. */
const SETTLED_WITHIN_MS = 120_000;

const SYNCS = `
syncs:
  exports:
    files: exports/*.csv
    dataset-group: 42
    rate: unlimited
    timeout: 5s
    horizon: 1s
    send-window: 2s
    schedule: { cron: "*/2 * * * * *" }
`;

const redis = await findRedis("a sync's worker killed", { restartable: true });

describe.skipIf(redis === undefined)("a sync whose worker is killed in the middle of a run", () => {
  test("is carried on by the other one: each tick has its record, no two runs overlap, each row is there once", async () => {
    const stage = await openSyncStage({
      name: "sync-killed",
      redis,
      syncs: SYNCS,
      sandbox: ["--latency", "40ms..120ms"],
    });
    expect(await stage.run(["sync", "apply"])).toMatchObject({ code: 0 });
    let workers = [stage.startWorker(), stage.startWorker()];
    for (const worker of workers) await worker.until(() => worker.stderr().includes("serving runs"));
    const begun = Date.now();

    const wanted: string[] = [];
    let kills = 0;
    for (let file = 0; file < FILES; file += 1) {
      const traces = Array.from({ length: ROWS }, (_, row) => `trace-${file}-${row}`);
      wanted.push(...traces);
      const before = (await stage.applied()).size;
      await stage.drop(`${file}.csv`, tracesCsv(traces));
      const [first] = workers;
      await first?.until(async () => (await stage.applied()).size >= before + 5);
      const victim = kills < KILLS ? workers.find(conductsNow) : undefined;
      if (victim !== undefined) {
        await victim.kill("SIGKILL");
        kills += 1;
        workers = [...workers.filter((one) => one !== victim), stage.startWorker()];
      }
      if (FULL) await pause(Math.max(0, begun + ((file + 1) * 60_000) / FILES - Date.now()));
    }
    expect(kills).toBe(KILLS);
    const stopped = Date.now();
    const [left] = workers;
    await left?.until(async () => (await stage.applied()).size === wanted.length);
    // What was in flight is settled, and a later tick found nothing new.
    await left?.until(async () => (await stage.history("exports")).at(-1)?.result === "empty");

    const times = await stage.applied();
    expect(wanted.filter((trace) => times.get(trace) !== 1)).toEqual([]);
    const ticks = await stage.history("exports");
    expect(ticksWithoutRecord(ticks, EVERY_MS)).toEqual([]);
    expect(overlaps(ticks)).toEqual([]);
    expect(ticks.filter(({ became }) => became === "ran").length).toBeGreaterThan(2);
    const due = ticks.filter((tick) => tick.due <= stopped);
    expect(due.at(-1)?.due).toBeGreaterThan(stopped - EVERY_MS);
    expect(due.filter(({ became }) => became === "waiting" || became === "running")).toEqual([]);
    expect(Math.max(...due.map(({ endedAt = 0 }) => endedAt)) - stopped).toBeLessThan(SETTLED_WITHIN_MS);
  }, 240_000);
});

/** Whether the run that this worker began last has not ended yet. */
function conductsNow(worker: Traceload): boolean {
  const lines = worker
    .stderr()
    .split("\n")
    .filter((line) => line.startsWith("sync exports:"));
  return lines.at(-1)?.endsWith(" running") === true;
}
