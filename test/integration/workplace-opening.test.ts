/** A workplace that cannot be opened leaves nothing open. */
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadSettings } from "../../config/load.ts";
import { openTarget, openWorkplace } from "../../src/wire.ts";
import { findRedis, type RedisServer } from "../support/redis-server.ts";

const redis = await findRedis("opening a workplace", { restartable: true });
const KEY = { PROMPTLAYER_API_KEY: "test-key" };

describe.skipIf(redis === undefined)("a workplace on a Redis that has no room for its lease", () => {
  let server: RedisServer;
  let watcher: Redis;
  beforeEach(async () => {
    if (redis === undefined) return;
    server = await redis.start();
    watcher = new Redis(server.url);
  });
  afterEach(async () => {
    watcher.disconnect();
    await server.stop();
  });

  test.each(["a store that is there", "a store that is new"])(
    "with %s leaves no connection open",
    async (store) => {
      const flags = { store: server.url, baseUrl: "http://127.0.0.1:1" };
      const loaded = loadSettings({ flags, environment: {}, configFile: undefined });
      const target = await openTarget(loaded, KEY);
      const open = () => openWorkplace(loaded.settings, target, () => undefined);
      try {
        if (store === "a store that is there") await (await open()).close();
        await watcher.config("SET", "maxmemory", "1");
        await expect(open()).rejects.toMatchObject({ code: "store_full" });
        await expect
          .poll(
            async () =>
              String(await watcher.client("LIST"))
                .trim()
                .split("\n").length,
          )
          .toBe(1);
      } finally {
        await target.close();
      }
    },
  );
});
