/** Redis is gone for longer than the jobs' locks and the processes' leases live. */
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/sandbox/random.ts";
import { audit } from "../support/audit.ts";
import { findRedis } from "../support/redis-server.ts";
import { CONCURRENCY, openStage, SEED } from "./stage.ts";

const redis = await findRedis("a Redis that is away", { restartable: true });

const LOCK_MS = 1_000;
const AWAY_MS = 3 * LOCK_MS;
const SENDERS = 3;

describe.skipIf(redis === undefined)("Redis gone for longer than locks and leases live", () => {
  test("costs time: what was added meanwhile is known in the end, nothing is sent twice, nobody gives up", async () => {
    const rows = 300;
    const random = seededRandom(SEED);
    const stage = await openStage({
      name: "redis-away",
      rows,
      redis,
      sandbox: ["--latency", "40ms..80ms"],
      timeFlags: [`--lock-time=${LOCK_MS}ms`, `--lease-ttl=${LOCK_MS}ms`, "--stalled-check=300ms"],
    });
    const workers = [stage.startWorker(), stage.startWorker()];
    for (const worker of workers) await stage.untilServing(worker);
    const importing = stage.startImport();
    await stage.untilApplied(40 + Math.floor(random() * 120), importing);
    await stage.redis?.kill();
    // What was claimed is sent and answered, with nowhere to say so.
    await pause(AWAY_MS);
    const meanwhile = (await stage.sandbox.record()).length;
    expect(meanwhile).toBeLessThan(rows);
    await stage.redis?.restart();

    const ended = await importing.ended;
    const report = await stage.report(ended);
    const record = await stage.sandbox.record();
    expect(audit({ record, report, rowsRead: rows })).toEqual([]);
    const { counts, state } = report.summary;
    expect({ state, lost: rows - counts.added - counts.unknown }).toEqual({ state: "finished", lost: 0 });
    // A confirmation in hand is never given up: in doubt is only what was claimed and could not leave in time.
    const inDoubt = new Set(
      report.rows.filter(({ status }) => status === "unknown").map((row) => row.trace_id),
    );
    expect(record.filter(({ traceId }) => inDoubt.has(traceId))).toEqual([]);
    expect(counts.unknown).toBeLessThanOrEqual(SENDERS * CONCURRENCY);
    expect(workers.map((worker) => worker.running())).toEqual([true, true]);
  }, 60_000);
});
