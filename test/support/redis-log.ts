/** The log that a Redis of this machine keeps (appendonly), to be cut off as a crash of its host would. */
import { readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import type { RedisServer } from "./redis-server.ts";

/** How much was written so far. With `appendfsync no` all that was acknowledged is in it. */
export async function logBytes(server: RedisServer): Promise<number> {
  return (await stat(await logFile(server))).size;
}

/** Kills the server, takes away what it wrote after so many bytes, and starts it again. */
export async function restartWithout(server: RedisServer, afterBytes: number): Promise<void> {
  await server.kill();
  await truncate(await logFile(server), afterBytes);
  await server.restart();
}

/** Redis 6 has one file, later versions a directory of them: the last one grows. */
async function logFile({ directory }: RedisServer): Promise<string> {
  if (directory === undefined) throw new Error("the server's files are not on this machine");
  const names = await readdir(join(directory, "appendonlydir")).catch(() => []);
  const last = names
    .filter((name) => name.endsWith(".incr.aof"))
    .toSorted((a, b) => Number(a.split(".").at(-3)) - Number(b.split(".").at(-3)))
    .at(-1);
  return last === undefined ? join(directory, "appendonly.aof") : join(directory, "appendonlydir", last);
}
