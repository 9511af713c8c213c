/** Where syncs meet faults: a sandbox, a Redis, a file of syncs that was applied, and workers whose times are seconds. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import type { RedisSource } from "../support/redis-server.ts";
import { type OwnSandbox, startTestSandbox } from "../support/sandbox.ts";
import { openScene, type Scene } from "../support/scene.ts";
import type { Ended, Traceload } from "../support/traceload.ts";

export interface HistoryTick {
  id: string;
  due: number;
  kind: string;
  became: string;
  why?: string;
  runId?: string;
  result?: string;
  carriedOut?: number;
  carried?: { traceId: string }[];
  notices?: { kind: string; undelivered?: string }[];
  watermark?: { before?: number; after?: number };
  window?: { since?: number; until?: number };
  startedAt?: number;
  endedAt?: number;
}

export interface SyncStage {
  readonly scene: Scene;
  readonly sandbox: OwnSandbox;
  /** Runs a command on the stage's store, and waits for its end. */
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>;
  startWorker(env?: Readonly<Record<string, string>>, ...flags: string[]): Traceload;
  /** A file for the syncs to find, there as a whole or not at all. */
  drop(name: string, content: string): Promise<void>;
  /** Takes over a file of syncs, beside those that there are. */
  apply(syncs: string): Promise<void>;
  /** Oldest first. */
  history(sync: string): Promise<HistoryTick[]>;
  /** How often the server holds each trace. */
  applied(): Promise<Map<string, number>>;
}

/** Seconds instead of minutes, as in the stage of imports. */
const TIMES = ["--lease-ttl=10s", "--lock-time=5s", "--stalled-check=1s", "--sweep-interval=300ms"];

export async function openSyncStage(options: {
  name: string;
  /** For several tests; by default one that ends with its test. */
  scene?: Scene;
  redis: RedisSource | undefined;
  syncs: string;
  sandbox?: readonly string[];
}): Promise<SyncStage> {
  const scene = options.scene ?? (await openScene(options.name));
  const redis = await options.redis?.start({ appendonly: "yes", appendfsync: "always" });
  if (redis !== undefined) {
    if (redis.directory !== undefined) scene.alsoKeep(redis.directory);
    scene.atEnd(() => redis.stop());
  }
  const sandbox = await startTestSandbox(scene, options.sandbox);
  await scene.write("traceload.yaml", options.syncs);
  await mkdir(path.join(scene.directory, "exports"));
  const store = redis?.url ?? `pglite:${scene.directory}/store`;
  const common = [`--store=${store}`, `--base-url=${sandbox.url}`];
  const withEnv = (env: Readonly<Record<string, string>> | undefined) => (env === undefined ? {} : { env });
  const stage: SyncStage = {
    scene,
    sandbox,
    run: (args, env) => scene.run([...args, ...common], withEnv(env)),
    startWorker: (env, ...flags) =>
      scene.start(["worker", "--concurrency=8", ...TIMES, ...common, ...flags], withEnv(env)),
    drop: async (name, content) => {
      const hidden = path.join(scene.directory, name);
      await writeFile(hidden, content);
      await rename(hidden, path.join(scene.directory, "exports", name));
    },
    apply: async (syncs) => {
      const ended = await stage.run(["sync", "apply", "--config", await scene.write("more.yaml", syncs)]);
      if (ended.code !== 0) throw new Error(ended.stderr);
    },
    history: async (sync) => {
      const ended = await stage.run(["sync", "history", sync, "--limit=10000", "--json"]);
      if (ended.code !== 0) throw new Error(ended.stderr);
      return (JSON.parse(ended.stdout) as { ticks: HistoryTick[] }).ticks.toReversed();
    },
    applied: async () => {
      const times = new Map<string, number>();
      for (const { traceId } of await sandbox.record()) times.set(traceId, (times.get(traceId) ?? 0) + 1);
      return times;
    },
  };
  return stage;
}

/** Times of the schedule, `everyMs` apart, between the first record and the last that have none. */
export function ticksWithoutRecord(ticks: readonly HistoryTick[], everyMs: number): number[] {
  const due = new Set(ticks.map((tick) => tick.due));
  const [first = 0, last = 0] = [ticks[0]?.due, ticks.at(-1)?.due];
  const missing: number[] = [];
  for (let at = first; at <= last; at += everyMs) if (!due.has(at)) missing.push(at);
  return missing;
}

/** Pairs of runs of which the second began before the first had ended. */
export function overlaps(ticks: readonly HistoryTick[]): string[] {
  const ran = ticks
    .filter(
      ({ became, startedAt, endedAt }) =>
        became === "ran" && startedAt !== undefined && endedAt !== undefined,
    )
    .sort((a, b) => (a.startedAt ?? 0) - (b.startedAt ?? 0));
  return ran.flatMap((tick, index) => {
    const before = ran[index - 1];
    return before !== undefined && (tick.startedAt ?? 0) < (before.endedAt ?? 0)
      ? [`${before.id} and ${tick.id}`]
      : [];
  });
}

export function tracesCsv(traces: readonly string[]): string {
  return `trace_id\n${traces.join("\n")}\n`;
}
