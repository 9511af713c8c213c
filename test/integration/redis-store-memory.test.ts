/** What a settled row costs in Redis: ledger entry, result and identity together. */
import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { openRedisStore } from "../../src/store/redis/store.ts";
import { findRedis } from "../support/redis-server.ts";
import { ADDED, newOrigin, queuedRow, setStage } from "../support/store-fixtures.ts";

const redis = await findRedis("the Redis store's memory", { restartable: true });

/** Few enough to be quick, so that the ledger's buckets hold one entry or none: the dearest they ever are. */
const RUNS = 10;
const ROWS = 1000;

describe.skipIf(redis === undefined)("the Redis store's memory", () => {
  test("a settled row costs at most 300 bytes", async () => {
    const server = await redis?.start();
    if (server === undefined) return;
    const client = new Redis(server.url, { maxRetriesPerRequest: null });
    const usedBytes = async () => Number(/used_memory:(\d+)/.exec(await client.info("memory"))?.[1]);
    const store = await openRedisStore({ client });
    const origin = newOrigin();
    await setStage(store, { rows: 0 });
    const before = await usedBytes();
    for (let n = 0; n < RUNS; n++) {
      const rows = Array.from({ length: ROWS }, (_, index) =>
        queuedRow(origin, index + 1, {
          trace: randomBytes(16).toString("hex"),
          span: randomBytes(8).toString("hex"),
        }),
      );
      const stage = await setStage(store, { rows, beside: { origin } });
      await store.setGroup(stage.group, { phase: "open", draftDatasetId: 501, baseline: undefined });
      await Promise.all(
        rows.map(async ({ row }) => {
          const claim = await stage.claim(row);
          await store.settle(stage.settleOf(claim, ADDED));
        }),
      );
    }
    const bytesPerRow = ((await usedBytes()) - before) / (RUNS * ROWS);
    await store.close();
    client.disconnect();
    await server.stop();
    expect(bytesPerRow).toBeLessThan(300);
    expect(bytesPerRow).toBeGreaterThan(50);
  });
});
