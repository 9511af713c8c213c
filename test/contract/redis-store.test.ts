/** The Redis store keeps the contract, over two connections to one server. */
import { Redis } from "ioredis";
import { describe, test } from "vitest";
import { openRedisStore } from "../../src/store/redis/store.ts";
import { findRedis } from "../support/redis-server.ts";
import { storeContract } from "./store-contract.ts";

const redis = await findRedis("the Redis store's contract");

if (redis === undefined) {
  describe.skip("the Redis store", () => test("needs a Redis"));
} else {
  storeContract("Redis", async () => {
    const server = await redis.start();
    // Stores of other test runs in the same Redis are none of this one's business.
    const prefix = `traceload-test-${process.pid}-${Date.now()}`;
    const clients: Redis[] = [];
    const connect = async () => {
      const client = new Redis(server.url, { maxRetriesPerRequest: null });
      clients.push(client);
      return await openRedisStore({ client, prefix });
    };
    const store = await connect();
    return {
      store,
      openSecond: connect,
      close: async () => {
        await store.close();
        for await (const keys of clients[0]?.scanStream({ match: `{${prefix}}:*`, count: 1000 }) ?? []) {
          if (keys.length > 0) await clients[0]?.unlink(...keys);
        }
        for (const client of clients) client.disconnect();
        await server.stop();
      },
    };
  });
}
