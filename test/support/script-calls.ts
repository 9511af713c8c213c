/** Which of the store's scripts a chunk on its way to Redis calls. */
import { createHash } from "node:crypto";
import type { Script } from "../../src/store/redis/script.ts";

/** Answers whether a chunk calls the script. Not its very first call on a server: that one loads the text. */
export function callsOf(script: Script): (chunk: Buffer) => boolean {
  const sha = createHash("sha1").update(script.lua).digest("hex");
  return (chunk) => chunk.includes(sha);
}
