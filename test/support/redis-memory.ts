/** A Redis's maxmemory, reached and raised as a test wants it. */
import { Redis } from "ioredis";
import { expect } from "vitest";
import type { Scene } from "./scene.ts";

export interface RedisMemory {
  /** Refuses writes from now on. */
  useUp(): Promise<void>;
  raise(): Promise<void>;
}

/** Of a Redis of the test's own. */
export function openRedisMemory(scene: Scene, url: string): RedisMemory {
  const client = new Redis(url);
  scene.atEnd(async () => client.disconnect());
  return {
    useUp: async () => {
      await client.config("SET", "maxmemory", "1");
      await expect(client.set("one-more", "x")).rejects.toThrow("OOM");
    },
    raise: async () => {
      await client.config("SET", "maxmemory", "0");
    },
  };
}
