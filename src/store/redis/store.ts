/** The store on Redis: every method is one Lua script, and so one atomic step on Redis's own clock. */
import type { Cluster, Redis } from "ioredis";
import { TraceloadError } from "../../core/errors.ts";
import type { Store } from "../../core/store.ts";
import { createEntries } from "./entries.ts";
import { closedFault, unreachableFault } from "./faults.ts";
import { createGroups } from "./groups.ts";
import { DEFAULT_PREFIX, SCHEMA_VERSION } from "./layout.ts";
import { createLeases } from "./leases.ts";
import { createLedger } from "./ledger.ts";
import { createLimiter } from "./limiter.ts";
import { replyList, replyNumber } from "./replies.ts";
import { createRecovery } from "./recovery.ts";
import { createRows } from "./rows.ts";
import { createRuns } from "./runs.ts";
import { createScriptRunner, type ScriptRunner } from "./script.ts";
import { nowScript, schemaScript } from "./scripts/schema.ts";
import { checkRedisSettings, redisName } from "./settings.ts";
import { createSyncs } from "./syncs.ts";
import { createTold } from "./told.ts";

export interface RedisStoreOptions {
  /**
   * Stays the caller's, who closes it after the store. With `maxRetriesPerRequest: null` calls wait for as long as
   * Redis is out of reach.
   */
  client: Redis | Cluster;
  /** Begins the name of every key; stores of different prefixes in one Redis know nothing of each other. */
  prefix?: string;
  /** How long to wait for Redis before giving up on it; 10 s unless told. Once open, calls wait without end. */
  openWithinMs?: number;
  /**
   * How long a server that may have forgotten what it acknowledged grants nothing, so that every living process can tell
   * it again; 30 s unless told.
   */
  recoveryMs?: number;
}

const OPEN_WITHIN_MS = 10_000;
const RECOVERY_MS = 30_000;

/**
 * Opens the store, and creates it where there is none. Throws `store_schema` when a newer version of traceload made
 * it, and `store_unreachable` when Redis does not answer in time.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { client, prefix = DEFAULT_PREFIX } = options;
  const { openWithinMs = OPEN_WITHIN_MS, recoveryMs = RECOVERY_MS } = options;
  const name = redisName(client);
  const runner = createScriptRunner(client, `{${prefix}}`);
  const told = createTold(() => performance.now());
  const recovery = createRecovery({ client, runner, told, recoveryMs });
  runner.onUnchecked(() => recovery.checkIn());
  const warnings = await withinReach(client, openWithinMs, async () => {
    await openSchema(runner, name);
    await recovery.checkIn();
    return await checkRedisSettings(client);
  }).catch((error: unknown) => {
    recovery.close();
    runner.close();
    throw error;
  });
  const ledger = createLedger(runner, told, () => void recovery.checkIn().catch(() => undefined));
  const limiter = createLimiter(runner);
  return {
    facts: { kind: "redis", name, warnings },
    ...createLeases(runner),
    ...createRuns(runner),
    ...createRows(runner),
    ...createGroups(runner),
    ...createEntries(runner),
    ...createSyncs(runner),
    ...ledger,
    ...limiter,
    now: async () => replyNumber(await runner.run(nowScript)),
    close: () => {
      recovery.close();
      runner.close();
      ledger.close(closedFault());
      limiter.close(closedFault());
      return Promise.resolve();
    },
  };
}

/** Whether there is a store of that prefix. Makes none. */
export async function redisStoreExists(client: Redis | Cluster, prefix = DEFAULT_PREFIX): Promise<boolean> {
  return (await client.exists(`{${prefix}}:meta`)) > 0;
}

/** A client that keeps trying says nothing by itself: the last reason it met is what a person needs to read. */
async function withinReach<T>(client: Redis | Cluster, withinMs: number, open: () => Promise<T>): Promise<T> {
  let reason: Error | undefined;
  const remember = (error: Error): void => {
    reason = error;
  };
  client.on("error", remember);
  const late = AbortSignal.timeout(withinMs);
  try {
    return await Promise.race([
      open(),
      new Promise<never>((_, reject) => {
        late.addEventListener("abort", () => reject(unreachableFault(redisName(client), withinMs, reason)), {
          once: true,
        });
      }),
    ]);
  } finally {
    client.off("error", remember);
  }
}

async function openSchema(runner: ScriptRunner, name: string): Promise<void> {
  const stands = replyNumber(replyList(await runner.run(schemaScript))[1]);
  if (stands === SCHEMA_VERSION) return;
  throw new TraceloadError(
    "store_schema",
    `${name} holds a store of schema ${stands}; this traceload reads up to schema ${SCHEMA_VERSION}`,
    { next: "npm install traceload@latest, or name another store with --store" },
  );
}
