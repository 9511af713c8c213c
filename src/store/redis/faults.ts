/** What Redis's refusals mean: to be waited out, or a fault to show. */
import { TraceloadError } from "../../core/errors.ts";

/**
 * Replies of a server that will serve again by itself: starting, failing over, moving slots, in a long script. Before
 * version 7 the code of what a script met stands in the middle of the message, after a hyphen.
 */
const PASSING = /(?:^|-)(LOADING|MASTERDOWN|READONLY|TRYAGAIN|CLUSTERDOWN|BUSY|NOREPLICAS)\b/;

export function worthWaiting(error: unknown): boolean {
  return error instanceof Error && PASSING.test(error.message);
}

export function closedFault(): TraceloadError {
  return new TraceloadError("store_unreachable", "the Redis store was closed while it was still in use");
}

/** `reason`: what the client met last, if it said. */
export function unreachableFault(name: string, withinMs: number, reason: Error | undefined): TraceloadError {
  const why = reason === undefined ? "" : `: ${firstLine(reason.message)}`;
  return new TraceloadError("store_unreachable", `${name} did not answer within ${withinMs / 1000} s${why}`, {
    next: "Start Redis, or name another store with --store",
    cause: reason,
  });
}

/** `doing` names the script that was refused. */
export function redisFault(error: unknown, doing: string): TraceloadError {
  const message = error instanceof Error ? error.message : String(error);
  if (/(?:^|-)OOM\b/.test(message)) {
    return new TraceloadError("store_full", `Redis has reached its maxmemory and refuses writes (${doing})`, {
      next: "redis-cli INFO memory\nredis-cli CONFIG SET maxmemory <more bytes>, then type the same command again",
      cause: error,
    });
  }
  if (/(?:^|-)MISCONF\b/.test(message)) {
    return new TraceloadError("store_full", `Redis cannot write to its disk and refuses writes (${doing})`, {
      next: "redis-cli INFO persistence\nMake room on Redis's disk, then type the same command again",
      cause: error,
    });
  }
  if (/(?:^|-)(NOAUTH|WRONGPASS|NOPERM)\b/.test(message)) {
    return new TraceloadError("store_unreachable", `Redis refuses this user: ${firstLine(message)}`, {
      next: "Check user and password in --store, TRACELOAD_STORE or REDIS_URL, and the user's ACL (scripts, all keys)",
      cause: error,
    });
  }
  if (
    /Connection is closed|aborted due to connection close|max retries per request|isn't writeable|ECONN|ETIMEDOUT|ENOTFOUND/i.test(
      message,
    )
  ) {
    return new TraceloadError("store_unreachable", `Redis cannot be reached: ${firstLine(message)}`, {
      next: "Start Redis, or name another store with --store",
      cause: error,
    });
  }
  return new TraceloadError("bug", `Redis refused the script ${doing}: ${firstLine(message)}`, {
    cause: error,
  });
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? text;
}
