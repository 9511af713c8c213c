/** A Redis of the benchmark's own, and what it says of itself. */
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { freePort } from "../../test/support/test-server.ts";
import type { Scene } from "./scene.ts";

export type Fsync = "always" | "everysec";

export interface BenchRedis {
  readonly url: string;
  readonly client: Redis;
  readonly fsync: Fsync;
  readonly version: string;
  /** An empty Redis again. */
  clear(): Promise<void>;
  /** User and system time so far. */
  cpuMs(): Promise<number>;
  usedMemory(): Promise<number>;
  stop(): Promise<void>;
}

/** Needs `redis-server` on the path. */
export async function startRedis(scene: Scene, fsync: Fsync): Promise<BenchRedis> {
  const port = await freePort();
  const settings = {
    port: String(port),
    bind: "127.0.0.1",
    dir: scene.directory,
    save: "",
    appendonly: "yes",
    appenddirname: `appendonly-${port}`,
    appendfsync: fsync,
    // A rewrite would start in the middle of one measurement and not of another.
    "auto-aof-rewrite-percentage": "0",
    "maxmemory-policy": "noeviction",
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const server = scene.start("redis-server", args, { stdio: "ignore" });
  const url = `redis://127.0.0.1:${port}`;
  const client = new Redis(url, { retryStrategy: () => 50, maxRetriesPerRequest: null });
  client.on("error", () => undefined);
  scene.atClose(() => client.disconnect());
  await client.ping();

  const info = async (section: string, name: string): Promise<string> => {
    const text = await client.info(section);
    return new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(text)?.[1] ?? "";
  };
  return {
    url,
    client,
    fsync,
    version: await info("server", "redis_version"),
    clear: async () => {
      await client.flushall("SYNC");
      await client.config("RESETSTAT");
      await pause(200);
    },
    cpuMs: async () =>
      1000 * (Number(await info("cpu", "used_cpu_user")) + Number(await info("cpu", "used_cpu_sys"))),
    usedMemory: async () => Number(await info("memory", "used_memory")),
    stop: async () => {
      client.disconnect();
      const gone = new Promise((resolve) => server.once("exit", resolve));
      server.kill("SIGKILL");
      await gone;
    },
  };
}
