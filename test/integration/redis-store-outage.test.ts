/** The Redis store while Redis dies, comes back, and runs out of room. */
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openRedisStore } from "../../src/store/redis/store.ts";
import type { Store } from "../../src/core/store.ts";
import { findRedis, type RedisServer } from "../support/redis-server.ts";
import { ADDED, RELEASED, setStage } from "../support/store-fixtures.ts";

const redis = await findRedis("outages of Redis", { restartable: true });

describe.skipIf(redis === undefined)("the Redis store, when Redis fails", () => {
  let server: RedisServer;
  let client: Redis;
  let store: Store;
  beforeEach(async () => {
    if (redis === undefined) return;
    server = await redis.start({ appendonly: "yes", appendfsync: "always" });
    client = new Redis(server.url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
    client.on("error", () => undefined);
    store = await openRedisStore({ client });
  });
  afterEach(async () => {
    await store.close();
    client.disconnect();
    await server.stop();
  });

  test("calls made while it is away wait, and are answered when it is back", async () => {
    const stage = await setStage(store, { rows: 20 });
    const before = await stage.claim(1);
    await server.kill();
    const claims = Array.from({ length: 10 }, (_, index) => stage.claim(index + 2));
    const settled = store.settle(stage.settleOf(before, ADDED));
    await server.restart();
    await Promise.all([...claims, settled]);
    expect(await store.getGroup(stage.group)).toMatchObject({ added: 1, sending: 10, unknown: 0 });
    expect((await store.getRun(stage.run.runId))?.counts).toMatchObject({ queued: 19, added: 1 });
  });

  test("what was acknowledged before a kill is there after it", async () => {
    const stage = await setStage(store, { rows: 50 });
    const claims = await Promise.all(stage.rows.map((row) => stage.claim(row.row)));
    await Promise.all(claims.slice(0, 30).map((claim) => store.settle(stage.settleOf(claim, ADDED))));
    await server.restart();
    expect(await store.getGroup(stage.group)).toMatchObject({ added: 30, sending: 20 });
    expect((await store.getRun(stage.run.runId))?.counts).toMatchObject({ queued: 20, added: 30 });
    const entries = await store.lookup(stage.rows.map((row) => row.key));
    expect(entries.filter((entry) => entry.state === "added")).toHaveLength(30);
  });

  test("a kill in the middle of a batch leaves each row claimed or not, and the counts right", async () => {
    const stage = await setStage(store, { rows: 200 });
    const { version } = await store.getGroup(stage.group);
    const requests = stage.rows.map((row) => stage.claimOf(row.row));
    const answers = Promise.all(requests.map((request) => store.claim(request)));
    await server.restart();
    expect((await answers).filter((answer) => answer.kind !== "claimed")).toEqual([]);
    expect(await store.getGroup(stage.group)).toMatchObject({ sending: 200, version: version + 200 });
    await Promise.all(requests.map((request) => store.settle(stage.settleOf(request, RELEASED))));
    expect(await store.getGroup(stage.group)).toMatchObject({ sending: 0, version: version + 400 });
  });

  test("a Redis that has forgotten its scripts is given them again", async () => {
    const stage = await setStage(store);
    await client.script("FLUSH");
    await Promise.all([stage.claim(1), stage.claim(2), store.getGroup(stage.group)]);
    expect(await store.getGroup(stage.group)).toMatchObject({ sending: 2 });
  });

  test("a Redis that is full refuses with a way out, and goes on when there is room", async () => {
    const stage = await setStage(store);
    const claim = stage.claimOf(1);
    const { version } = await store.getGroup(stage.group);
    await client.config("SET", "maxmemory", "1mb");
    await expect(store.claim(claim)).rejects.toMatchObject({
      code: "store_full",
      next: expect.stringContaining("CONFIG SET maxmemory"),
    });
    await client.config("SET", "maxmemory", "0");
    expect(await store.claim(claim)).toEqual({ kind: "claimed" });
    expect(await store.getGroup(stage.group)).toMatchObject({ sending: 1, version: version + 1 });
  });
});
