/**
 * SIGTERM comes while something else is wrong: the command still ends by itself, with a report that is true; or, where
 * the store could not take that down, the same command carries on.
 */
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/sandbox/random.ts";
import { audit } from "../support/audit.ts";
import { openRedisMemory } from "../support/redis-memory.ts";
import { findRedis } from "../support/redis-server.ts";
import { findSmallDisks, mountSmallDisk } from "../support/small-disk.ts";
import type { Traceload } from "../support/traceload.ts";
import { CONCURRENCY, openStage, SEED, type Stage, type StageOptions } from "./stage.ts";

const redis = await findRedis("a signal beside a fault", { restartable: true });
const disks = await findSmallDisks("a signal at a full disk");
const random = seededRandom(SEED);

const ROWS = 150;
const LATENCY = ["--latency", "20ms..40ms"];
/** The signal is taken in while the store is still away. */
const STILL_AWAY_MS = 1_000;
/** Rows under way when the fault comes; it is there when so many are applied. */
const FAULT_AT = 30;

describe("told to stop while", () => {
  test.skipIf(redis === undefined)(
    "Redis is away: ends when it is back",
    async () => {
      const stage = await open({ name: "stop-redis-away", redis, sandbox: LATENCY });
      const worker = stage.startWorker();
      await stage.untilServing(worker);
      const importing = await started(stage);
      await stage.redis?.kill();
      await importing.kill("SIGTERM");
      await worker.kill("SIGTERM");
      await pause(STILL_AWAY_MS);
      await stage.redis?.restart();
      await endsWell(stage, importing, { unknown: 2 * CONCURRENCY });
      expect((await worker.ended).signal).toBeNull();
    },
    60_000,
  );

  test.skipIf(redis === undefined)(
    "Redis is full: ends when there is room, and says why",
    async () => {
      const stage = await open({ name: "stop-redis-full", redis, sandbox: LATENCY });
      const memory = openRedisMemory(stage.scene, stage.storeUrl);
      const importing = await started(stage);
      await memory.useUp();
      await importing.kill("SIGTERM");
      await pause(STILL_AWAY_MS);
      await memory.raise();
      await carriesOn(stage, importing, "maxmemory");
    },
    60_000,
  );

  test.skipIf(!disks)(
    "the disk is full: ends when there is room, and says why",
    async () => {
      const stage = await open({ name: "stop-disk-full", sandbox: LATENCY });
      const disk = await mountSmallDisk(100);
      stage.scene.atEnd(() => disk.remove());
      const store = `--store=pglite:${disk.directory}/store`;
      const importing = await started(stage, store);
      await disk.fillUp();
      await importing.kill("SIGTERM");
      await pause(STILL_AWAY_MS);
      await disk.makeRoom();
      await carriesOn(stage, importing, "no space left", store);
    },
    60_000,
  );

  test("the server has asked everybody to wait: does not wait", async () => {
    const stage = await open({
      name: "stop-paused",
      redis,
      sandbox: [...LATENCY, "--fault", `429-retry-after:600@${FAULT_AT}`],
    });
    await endsWell(stage, await toldToStop(stage), { unknown: 0 });
  }, 60_000);

  test("the API refuses connections: does not wait for it", async () => {
    const stage = await open({
      name: "stop-refused",
      redis,
      sandbox: [...LATENCY, "--fault", `refuse:600000@${FAULT_AT}`],
      importFlags: ["--max-attempts=1000"],
    });
    const importing = await started(stage);
    await importing.until(async () => (await stage.sandbox.record()).length >= FAULT_AT);
    await importing.kill("SIGTERM");
    await endsWell(stage, importing, { unknown: CONCURRENCY });
  }, 60_000);

  test("no answers come: waits for their timeout, and calls them unknown", async () => {
    const stage = await open({
      name: "stop-hanging",
      redis,
      sandbox: [...LATENCY, "--fault", `hang@${FAULT_AT}..${ROWS}`],
      importFlags: ["--timeout=1500ms"],
    });
    const importing = await toldToStop(stage);
    const counts = await endsWell(stage, importing, { unknown: CONCURRENCY });
    expect(counts.unknown).toBeGreaterThan(0);
  }, 60_000);
});

function open(options: Omit<StageOptions, "rows">): Promise<Stage> {
  return openStage({ ...options, rows: ROWS });
}

/** An import in the middle of its sending. */
async function started(stage: Stage, ...flags: string[]): Promise<Traceload> {
  const importing = stage.startImport(...flags);
  await stage.untilApplied(10 + Math.floor(random() * 15), importing);
  return importing;
}

/** An import that gets its signal when the sandbox's fault has come. */
async function toldToStop(stage: Stage): Promise<Traceload> {
  const importing = await started(stage);
  await importing.until(async () => (await stage.sandbox.arrivals()).length >= FAULT_AT);
  await pause(100 * random());
  await importing.kill("SIGTERM");
  return importing;
}

/**
 * Keeps what it had in hand, and leaves the rest to the same command. Where there was room enough to write the end down,
 * it is told as an interruption; else it says why not.
 */
async function carriesOn(stage: Stage, importing: Traceload, why: string, ...flags: string[]): Promise<void> {
  const ended = await importing.ended;
  const told = ended.code === 143 || ended.stderr.includes(why);
  expect({ ended: ended.code === 3 || ended.code === 143, told }).toEqual({ ended: true, told: true });
  const before = (await stage.sandbox.record()).length;
  expect(before).toBeLessThan(ROWS);
  const report = await stage.report(await stage.startImport(...flags).ended);
  const record = await stage.sandbox.record();
  expect(audit({ record, report, rowsRead: ROWS })).toEqual([]);
  expect(report.summary).toMatchObject({ state: "finished", exitCode: 0, counts: { unknown: 0 } });
  expect(record.length).toBe(ROWS);
}

/** `unknown`: at most so many rows may be in doubt for this fault. */
async function endsWell(stage: Stage, importing: Traceload, { unknown }: { unknown: number }) {
  const ended = await importing.ended;
  const report = await stage.report(ended);
  expect(audit({ record: await stage.sandbox.record(), report, rowsRead: ROWS })).toEqual([]);
  const { counts, state } = report.summary;
  expect({ code: ended.code, state }).toEqual({ code: 143, state: "interrupted" });
  expect(counts.unprocessed).toBe(ROWS - counts.added - counts.unknown);
  expect(counts.unprocessed).toBeGreaterThan(0);
  expect(counts.unknown).toBeLessThanOrEqual(unknown);
  return counts;
}
