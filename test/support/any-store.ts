/**
 * The store of tests that are about none: Redis, where one can be started, for a command on it costs half; else the
 * embedded one. What they prove for one store, another test of the same file proves for the embedded one.
 */
import { Redis } from "ioredis";
import { afterAll } from "vitest";
import { findRedis, type RedisServer } from "./redis-server.ts";

export interface AnyStore {
  /** The environment of commands that shall use it, empty each time it is asked for. */
  env(): Promise<Readonly<Record<string, string>>>;
}

/** Called where a test file begins: the server starts with the first test that asks for it, and ends with the last. */
export async function openAnyStore(): Promise<AnyStore> {
  const redis = await findRedis("any store", { restartable: true, optional: true });
  let server: RedisServer | undefined;
  let client: Redis | undefined;
  afterAll(async () => {
    client?.disconnect();
    await server?.stop();
  });
  return {
    env: async () => {
      if (redis === undefined) return {};
      // Without a file of its own, commands would warn of it.
      server ??= await redis.start({ appendonly: "yes", appendfsync: "no" });
      client ??= new Redis(server.url);
      await client.flushall();
      return { TRACELOAD_STORE: server.url };
    },
  };
}
