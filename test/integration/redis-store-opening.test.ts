/** Opening the Redis store: what it refuses, what it warns of, what it says about itself. */
import { Redis, type CommonRedisOptions } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { openRedisStore } from "../../src/store/redis/store.ts";
import { checkRedisSettings, redisName } from "../../src/store/redis/settings.ts";
import { openStoreIfThere } from "../../src/wire/stores.ts";
import { findRedis, type RedisServer } from "../support/redis-server.ts";
import { ADDED, aHolder, aRun, LONG_MS, REJECTED, setStage } from "../support/store-fixtures.ts";

const redis = await findRedis("opening the Redis store", { restartable: true });

describe.skipIf(redis === undefined)("the Redis store, when it is opened", () => {
  let server: RedisServer;
  const clients: Redis[] = [];
  const connect = (
    options: Pick<CommonRedisOptions, "username" | "password" | "enableReadyCheck"> = {},
  ): Redis => {
    const client = new Redis(server.url, { maxRetriesPerRequest: null, ...options });
    clients.push(client);
    return client;
  };
  beforeAll(async () => {
    if (redis === undefined) return;
    server = await redis.start({ appendonly: "yes", appendfsync: "always" });
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.disconnect();
  });
  afterAll(async () => {
    await server.stop();
  });

  test("a store of a newer schema is refused, and both versions are named", async () => {
    const client = connect();
    await client.hset("{newer}:meta", "schema", "999");
    await expect(openRedisStore({ client, prefix: "newer" })).rejects.toMatchObject({
      code: "store_schema",
      message: expect.stringMatching(/schema 999.*schema 1$/),
      next: expect.stringContaining("npm install"),
    });
    expect(await client.hgetall("{newer}:meta")).toEqual({ schema: "999" });
  });

  test("it is not made by who only looks", async () => {
    const client = connect();
    const look = (database: number) =>
      openStoreIfThere({ store: `${server.url}/${database}`, leaseTtl: 15_000 }, () => undefined);
    expect(await look(9)).toBeUndefined();
    await client.select(9);
    expect(await client.keys("*")).toEqual([]);
    await openRedisStore({ client });
    const there = await look(9);
    expect(await there?.store.listRuns()).toEqual([]);
    await there?.close();
  });

  test("stores of different prefixes know nothing of each other", async () => {
    const client = connect();
    const one = await openRedisStore({ client, prefix: "one" });
    const other = await openRedisStore({ client, prefix: "other" });
    const run = await one.createRun(aRun(await one.openLease(aHolder(), LONG_MS)));
    expect(await other.getRun(run.runId)).toBeUndefined();
    expect(await other.listLeases()).toEqual([]);
  });

  test("every key carries the one hash tag that a cluster needs", async () => {
    const client = connect();
    const store = await openRedisStore({ client, prefix: "tagged" });
    const before = new Set(await client.keys("*"));
    await store.createRun(aRun(await store.openLease(aHolder(), LONG_MS)));
    const written = (await client.keys("*")).filter((key) => !before.has(key));
    expect(written.length).toBeGreaterThan(3);
    expect(written.filter((key) => !key.startsWith("{tagged}:"))).toEqual([]);
  });

  test("each script keeps to the one slot of a cluster that its hash tag names", async () => {
    const node = await redis?.start({ "cluster-enabled": "yes" });
    if (node === undefined) return;
    const client = new Redis(node.url, { maxRetriesPerRequest: null });
    clients.push(client);
    await client.cluster("ADDSLOTS", ...Array.from({ length: 16_384 }, (_, slot) => slot));
    await vi.waitFor(async () => expect(await client.cluster("INFO")).toContain("cluster_state:ok"), 10_000);
    const store = await openRedisStore({ client });
    const stage = await setStage(store);
    await store.settle(stage.settleOf(await stage.claim(1), ADDED));
    await store.settle(stage.settleOf(await stage.claim(2), REJECTED));
    await store.endLease(stage.owner);
    expect(await store.sweep()).toBe(0);
    await store.changeRun(stage.run.runId, { state: "finished", warning: "w" });
    expect(await store.markUnprocessed(stage.run.runId, [{ row: 3, key: stage.keyOf(3) }])).toBe(1);
    expect(await store.removeRun(stage.run.runId)).toBe(true);
    expect(await store.lookup([stage.keyOf(1)])).toMatchObject([{ state: "added" }]);
    await store.close();
    client.disconnect();
    await node.stop();
  });

  test("good settings give no warning", async () => {
    expect(await checkRedisSettings(connect())).toEqual([]);
  });

  test("each setting that weakens a promise is named with the command that mends it", async () => {
    const client = connect();
    await client.config("SET", "maxmemory-policy", "allkeys-lru");
    await client.config("SET", "appendfsync", "everysec");
    const store = await openRedisStore({ client });
    expect(store.facts.warnings).toEqual([
      expect.stringContaining("redis-cli CONFIG SET maxmemory-policy noeviction"),
      expect.stringContaining("redis-cli CONFIG SET appendfsync always"),
    ]);
    await client.config("SET", "appendonly", "no");
    expect(await checkRedisSettings(client)).toEqual([
      expect.stringContaining("maxmemory-policy"),
      expect.stringContaining("redis-cli CONFIG SET appendonly yes"),
    ]);
    await client.config("SET", "maxmemory-policy", "noeviction");
    await client.config("SET", "appendonly", "yes");
    await client.config("SET", "appendfsync", "always");
  });

  test("a server that keeps its settings to itself is used, with a warning for each", async () => {
    await connect().acl("SETUSER", "hosted", "on", ">secret", "~*", "+@all", "-config", "-info");
    const client = connect({ username: "hosted", password: "secret", enableReadyCheck: false });
    const store = await openRedisStore({ client, prefix: "hosted" });
    expect(store.facts.warnings).toHaveLength(4);
    expect(store.facts.warnings.join("\n")).toMatch(/could not be read .*NOPERM/);
    expect(await store.now()).toBeGreaterThan(0);
  });

  test("the store's name shows no user and no password", async () => {
    const client = new Redis("rediss://someone:hunter2@redis.example:6380/3", { lazyConnect: true });
    expect(redisName(client)).toBe("rediss://redis.example:6380/3");
    client.disconnect();
  });

  test("a user without the right to run scripts is told so", async () => {
    await connect().acl("SETUSER", "reader", "on", ">secret", "~*", "+@read", "+@connection", "+info");
    const client = connect({ username: "reader", password: "secret" });
    await expect(openRedisStore({ client })).rejects.toMatchObject({
      code: "store_unreachable",
      message: expect.stringContaining("NOPERM"),
    });
  });

  test("a Redis that is not there is given up on in time, with the reason", async () => {
    const client = new Redis("redis://127.0.0.1:1", { maxRetriesPerRequest: null });
    client.on("error", () => undefined);
    await expect(openRedisStore({ client, openWithinMs: 300 })).rejects.toMatchObject({
      code: "store_unreachable",
      message: expect.stringMatching(
        /^redis:\/\/127\.0\.0\.1:1 did not answer within 0\.3 s: .*ECONNREFUSED/,
      ),
    });
    client.disconnect();
  });

  test("a closed store refuses further calls", async () => {
    const store = await openRedisStore({ client: connect() });
    await store.close();
    await expect(store.now()).rejects.toMatchObject({ code: "store_unreachable" });
  });
});
