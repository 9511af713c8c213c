/** Redis's replies, as what they must be. */
import type { Reply } from "./script.ts";

export function replyList(reply: Reply): Reply[] {
  if (Array.isArray(reply)) return reply;
  throw new TypeError("Redis answered something else than a list");
}

export function replyNumber(reply: Reply | undefined): number {
  if (typeof reply === "number") return reply;
  if (Buffer.isBuffer(reply)) return Number(reply.toString());
  throw new TypeError("Redis answered something else than a number");
}

export function replyBytes(reply: Reply | undefined): Buffer {
  if (Buffer.isBuffer(reply)) return reply;
  throw new TypeError("Redis answered something else than text");
}

/** A hash, as fields and values by turns. */
export function replyMap(reply: Reply | undefined): Map<string, string> {
  const list = replyList(reply ?? []);
  const map = new Map<string, string>();
  for (let n = 0; n < list.length; n += 2) {
    map.set(replyBytes(list[n]).toString(), replyBytes(list[n + 1]).toString());
  }
  return map;
}
