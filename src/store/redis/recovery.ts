/**
 * Notices that the server was restarted or replaced, and tells it again what it may have forgotten. Every process does
 * so for itself, after each connection and whenever a script finds a server that nobody has looked at.
 */
import type { Cluster, Redis } from "ioredis";
import { replyBytes, replyList, replyNumber } from "./replies.ts";
import type { ScriptRunner } from "./script.ts";
import { checkInScript } from "./scripts/recovery.ts";
import { readSetting } from "./settings.ts";
import type { Told } from "./told.ts";

export interface Recovery {
  /**
   * Looks which server this is, and resolves when it was told all that it may have forgotten. Repeatable, and
   * cheap: calls made while one works share the next.
   */
  checkIn(): Promise<void>;
  close(): void;
}

export interface RecoveryOptions {
  client: Redis | Cluster;
  runner: Pick<ScriptRunner, "run">;
  told: Told;
  /** How long the living have to tell a server what it may have forgotten. */
  recoveryMs: number;
}

export function createRecovery({ client, runner, told, recoveryMs }: RecoveryOptions): Recovery {
  let server = "";
  let toldIn: number | undefined;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  const look = async (): Promise<void> => {
    const forgets = await mayForget(client);
    told.keep(forgets);
    const reply = replyList(
      await runner.run(checkInScript, Math.ceil(recoveryMs), forgets ? "0" : "1", server),
    );
    server = replyBytes(reply[0]).toString();
    const [restMs, recoveryUntil] = [replyNumber(reply[1]), replyNumber(reply[2])];
    if (restMs === 0 || recoveryUntil === toldIn) return;
    await told.tellAgain(runner);
    toldIn = recoveryUntil;
  };
  const checkIn = (): Promise<void> => {
    if (running === undefined) {
      running = look().finally(() => (running = undefined));
      return running;
    }
    // What is running may have begun with the server before this one.
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return checkIn();
      });
    return next;
  };
  // What fails here fails for the next call, too, and is told there.
  const onReady = (): void => void checkIn().catch(() => undefined);
  client.on("ready", onReady);

  return { checkIn, close: () => client.off("ready", onReady) };
}

/** `appendfsync always` forgets nothing that was acknowledged. A server that does not tell is taken for one that does. */
async function mayForget(client: Redis | Cluster): Promise<boolean> {
  const [appendonly, appendfsync] = await Promise.all([
    readSetting(client, "appendonly"),
    readSetting(client, "appendfsync"),
  ]);
  return appendonly.value !== "yes" || appendfsync.value !== "always";
}
