/** Opening a store on a PostgreSQL server: connections, checks, both schemas; and closing it in reverse. */
import { setTimeout as sleep } from "node:timers/promises";
import { Client, Pool } from "pg";
import { TraceloadError } from "../../core/errors.ts";
import type { Store } from "../../core/store.ts";
import { codeOf, mayPass, openStatements, reasonOf, storeFault } from "../sql/connection.ts";
import { isMigrated, migrate } from "../sql/migrations.ts";
import { migrateQueues } from "../sql/queue-schema.ts";
import { openSqlStore } from "../sql/store.ts";
import { type PostgresAddress, postgresAddress } from "./address.ts";
import { QueuePool } from "./queue-pool.ts";
import { checkServer, requireSearchPath } from "./server.ts";

export interface PostgresOptions {
  url: string;
  /** Told of lost connections, and each time that something waits for the server. */
  onFault: (error: unknown) => void;
  /** How long to wait for a server that is starting or has no connection left; 10 s unless told. */
  openWithinMs?: number;
  /** How long a statement may take before it is given up and sent again; 30 s unless told. */
  statementTimeoutMs?: number;
}

export interface OpenedPostgres {
  store: Store;
  /** For BullMQ's queues: fails at once while the server is away, as those who fill them want to know. */
  producer: QueuePool;
  /** For BullMQ's workers: waits. A job that could not be ended would be another worker's, a minute later. */
  consumer: QueuePool;
  /** What uses the pools must have been closed before. */
  close(): Promise<void>;
}

/** Connections of one process, at most, for store and queues together. With a single one everything works, slower. */
export const MAX_CONNECTIONS = 8;
const OPEN_WITHIN_MS = 10_000;
const RETRY_MS = 200;
const LISTEN_RETRY_MS = 1_000;

/**
 * Opens the store, and makes its tables where there are none. Once open, its methods wait for a server that is away.
 * Throws `config_invalid`, `store_unreachable`, `store_schema`.
 */
export async function openPostgres(options: PostgresOptions): Promise<OpenedPostgres> {
  const { url, onFault, openWithinMs = OPEN_WITHIN_MS } = options;
  const address = postgresAddress(url, options);
  const { name } = address;
  // Of idle connections: those in use tell their users.
  const pool = new Pool({ ...address.config, max: MAX_CONNECTIONS });
  pool.on("error", onFault);
  try {
    const store = await withinReach(openWithinMs, async () => {
      const warnings = await prepareServer(postgresAddress(url, { statementTimeoutMs: 0 }));
      return openSqlStore({ pool, facts: { kind: "postgres", name, warnings }, onAway: onFault });
    });
    const patient = openStatements({ pool, storeName: name, onAway: onFault });
    const listener = (signal: AbortSignal) => connectListener(address, signal, onFault);
    const queryPatiently: typeof patient.query = (text, params) => patient.query(text, params);
    const query: typeof queryPatiently = (text, params) => pool.query(text, [...params]);
    return {
      store,
      producer: new QueuePool({ query, queryPatiently, listener }),
      consumer: new QueuePool({ query: queryPatiently, queryPatiently, listener }),
      close: async () => {
        await store.close();
        patient.close();
        await pool.end();
      },
    };
  } catch (error) {
    await pool.end().catch(() => undefined);
    throw openingFault(error, name);
  }
}

/** Whether there is a store to open. Makes none. Throws as `openPostgres` does. */
export async function postgresStoreExists({
  url,
  openWithinMs = OPEN_WITHIN_MS,
}: Pick<PostgresOptions, "url" | "openWithinMs">): Promise<boolean> {
  const address = postgresAddress(url, {});
  return onOneConnection(address, (pool) => withinReach(openWithinMs, () => isMigrated(pool))).catch(
    (error: unknown) => {
      throw openingFault(error, address.name);
    },
  );
}

/** A server that is not there is given up on at once; one that says that it will serve soon is waited for. */
async function withinReach<T>(withinMs: number, ask: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const starting = /^(?:57P03|53300)$/.test(codeOf(error) ?? "");
      if (!starting || performance.now() > deadline) throw error;
    }
    await sleep(RETRY_MS);
  }
}

/**
 * Checks the server and brings both schemas up to date; answers the warnings. On a connection without time limits: it
 * waits for another process that is about the same, and for as long as a change takes.
 */
function prepareServer(address: PostgresAddress): Promise<string[]> {
  return onOneConnection(address, async (pool) => {
    const warnings = await checkServer(pool, address.name);
    await migrateQueues(pool);
    await migrate(pool);
    await requireSearchPath(pool, address.name);
    return warnings;
  });
}

async function onOneConnection<T>({ config }: PostgresAddress, act: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = new Pool({ ...config, max: 1 });
  pool.on("error", () => undefined);
  try {
    return await act(pool);
  } finally {
    await pool.end();
  }
}

/** Beside the pool: it listens for as long as its worker lives. */
async function connectListener(
  { config }: PostgresAddress,
  signal: AbortSignal,
  onFault: (error: unknown) => void,
): Promise<Client> {
  for (;;) {
    signal.throwIfAborted();
    const client = new Client({ ...config, query_timeout: 0 });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      if (!mayPass(error)) throw error;
      onFault(error);
    }
    await sleep(LISTEN_RETRY_MS, undefined, { signal });
  }
}

function openingFault(error: unknown, name: string): unknown {
  const fault = storeFault(error, name);
  if (fault instanceof TraceloadError || !mayPass(error)) return fault;
  return new TraceloadError("store_unreachable", `cannot reach the store ${name}: ${reasonOf(error)}`, {
    next: /unsupported startup parameter/i.test(reasonOf(error))
      ? "add `ignore_startup_parameters = options` to the pooler's settings (docs/guide/postgres.md says what else it needs)"
      : "start it, or mend its address; a single machine needs none: leave --store out",
    cause: error,
  });
}
