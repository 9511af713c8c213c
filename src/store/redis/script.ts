/** Runs Lua scripts, whatever state Redis is in: loads them where they are missing, waits where it must. */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster, Redis } from "ioredis";
import { closedFault, redisFault, worthWaiting } from "./faults.ts";

export interface Script {
  name: string;
  lua: string;
}

export type Argument = string | number | Buffer;

/** A reply as it came: texts are bytes. */
export type Reply = number | Buffer | null | Reply[];

export interface ScriptRunner {
  /**
   * Runs the script and answers its reply. Waits while Redis is loading, failing over or busy, and for as long as the
   * client goes on trying to reach it; throws a TraceloadError when it refuses for good, or after `close`.
   */
  run(script: Script, ...args: Argument[]): Promise<Reply>;
  /** What to do before a script is repeated that met a server which nobody has looked at (shared/recovery.ts). */
  onUnchecked(checkIn: () => Promise<void>): void;
  close(): void;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;

/** `tag` is the key that all keys of the store begin with. */
export function createScriptRunner(client: Redis | Cluster, tag: string): ScriptRunner {
  const shas = new Map<Script, string>();
  const closing = new AbortController();
  let checkIn: (() => Promise<void>) | undefined;

  function shaOf(script: Script): string {
    let sha = shas.get(script);
    if (sha === undefined) {
      sha = createHash("sha1").update(script.lua).digest("hex");
      shas.set(script, sha);
    }
    return sha;
  }

  /** A restarted Redis has forgotten its scripts: then the text itself is sent, which also loads it. */
  async function evaluate(script: Script, args: readonly Argument[]): Promise<Reply> {
    try {
      return (await client.callBuffer("evalsha", [shaOf(script), 1, tag, ...args])) as Reply;
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
      return (await client.callBuffer("eval", [script.lua, 1, tag, ...args])) as Reply;
    }
  }

  async function run(script: Script, ...args: Argument[]): Promise<Reply> {
    let pauseMs = FIRST_PAUSE_MS;
    for (;;) {
      if (closing.signal.aborted) throw closedFault();
      try {
        return await evaluate(script, args);
      } catch (error) {
        if (closing.signal.aborted) throw closedFault();
        if (checkIn !== undefined && error instanceof Error && error.message.startsWith("UNCHECKED")) {
          await checkIn();
          continue;
        }
        if (!worthWaiting(error)) throw redisFault(error, script.name);
      }
      await sleep(pauseMs, undefined, { signal: closing.signal }).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }

  return {
    run,
    onUnchecked: (act) => {
      checkIn = act;
    },
    close: () => closing.abort(),
  };
}
