/** Redis reaches its maxmemory in the middle of a run and refuses every write, until it is given more. */
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/sandbox/random.ts";
import { putRowsScript } from "../../src/store/redis/scripts/rows.ts";
import { audit } from "../support/audit.ts";
import { openRedisMemory } from "../support/redis-memory.ts";
import { findRedis } from "../support/redis-server.ts";
import { callsOf } from "../support/script-calls.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { CONCURRENCY, openStage, SEED, type Stage } from "./stage.ts";

const redis = await findRedis("a full Redis", { restartable: true });
const FULL_MS = 1_500;
const SENDERS = 2;
const FULL = "the store is full: ";
const timesTold = (stderr: string) => stderr.split(FULL).length - 1;
const callsPutRows = callsOf(putRowsScript);
const random = seededRandom(SEED);

describe.skipIf(redis === undefined)("Redis at its maxmemory", () => {
  test("while rows are sent: everybody waits, and no confirmation is lost", async () => {
    const rows = 250;
    const stage = await open("redis-full", rows);
    const memory = openRedisMemory(stage.scene, stage.storeUrl);
    const worker = stage.startWorker();
    await stage.untilServing(worker);
    const importing = stage.startImport();
    await stage.untilApplied(40 + Math.floor(random() * 80), importing);
    await memory.useUp();
    const atFirst = (await stage.sandbox.record()).length;
    await pause(FULL_MS);
    // What was claimed before still leaves, and nothing else.
    const meanwhile = (await stage.sandbox.record()).length - atFirst;
    expect(meanwhile).toBeLessThanOrEqual(SENDERS * CONCURRENCY);
    await importing.until(() => importing.stderr().includes(FULL));
    await worker.until(() => worker.stderr().includes(FULL));
    await memory.raise();

    const ended = await importing.ended;
    expect([timesTold(ended.stderr), ended.stderr.includes("CONFIG SET maxmemory")]).toEqual([1, true]);
    expect(timesTold(worker.stderr())).toBe(1);
    const report = await stage.report(ended);
    expect(audit({ record: await stage.sandbox.record(), report, rowsRead: rows })).toEqual([]);
    expect(report.summary).toMatchObject({ exitCode: 0, counts: { added: rows, unknown: 0 } });
    expect(worker.running()).toBe(true);
  }, 60_000);

  test("and told to stop with no answer in hand: it ends so, and says what could not be written", async () => {
    const rows = 20;
    const stage = await open("redis-full-stopped", rows);
    const memory = openRedisMemory(stage.scene, stage.storeUrl);
    // The draft is asked for at this rate, too: no row is sent for a minute.
    const importing = stage.startImport("--rate=2/m", "--progress=json");
    await importing.until(() => importing.stderr().includes('"phase":"draining"'));
    await memory.useUp();
    await importing.until(() => importing.stderr().includes(FULL));
    await importing.kill("SIGTERM");
    const ended = await importing.ended;
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 143, stdout: "" });
    expect(ended.stderr).toMatch(
      /was stopped by SIGTERM, .*there is no report: Redis has reached its maxmemory/,
    );
    expect(ended.stderr).toContain("type the same command again");
    expect(await stage.sandbox.record()).toEqual([]);
  }, 60_000);

  test("while rows are read: the import ends and says why; the same command adds what is missing", async () => {
    const rows = 1_050;
    const stage = await open("redis-full-reading", rows, []);
    const memory = openRedisMemory(stage.scene, stage.storeUrl);
    let puts = 0;
    const full = Promise.withResolvers<void>();
    const proxy = await startTcpProxy({
      targetPort: Number(new URL(stage.storeUrl).port),
      onRequest: async (chunk) => {
        // The first call loads the script; the file's second batch is the one that finds no room.
        if (!callsPutRows(chunk) || (puts += 1) !== 2) return;
        await memory.useUp();
        full.resolve();
      },
    });
    stage.scene.atEnd(() => proxy.close());
    const importing = stage.startImport(`--store=redis://127.0.0.1:${proxy.port}`);
    await full.promise;
    await pause(FULL_MS);
    await memory.raise();
    const ended = await importing.ended;
    expect({ code: ended.code, told: ended.stderr.includes("maxmemory") }).toEqual({ code: 3, told: true });
    expect((await stage.sandbox.record()).length).toBeLessThan(rows);

    const report = await stage.report(await stage.startImport().ended);
    const record = await stage.sandbox.record();
    expect(audit({ record, report, rowsRead: rows })).toEqual([]);
    expect(report.summary).toMatchObject({ state: "finished", exitCode: 0, counts: { unknown: 0 } });
    expect(record.length).toBe(rows);
  }, 60_000);
});

function open(name: string, rows: number, sandbox = ["--latency", "20ms..40ms"]): Promise<Stage> {
  return openStage({ name, rows, redis, sandbox });
}
