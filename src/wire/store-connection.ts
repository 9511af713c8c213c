/** From a store URL to a live store and the connection its queue runs on. */
import { existsSync } from "node:fs";
import path from "node:path";
import type { PgPool } from "bullmq";
import { TraceloadError } from "../core/errors.ts";
import type { Store } from "../core/store.ts";
import type { QueueConnection } from "../queue/bullmq-queues.ts";

export interface StoreConnection {
  store: Store;
  queue: QueueConnection;
  close(): Promise<void>;
}

export type StoreAddress =
  | { kind: "embedded"; directory: string }
  | { kind: "redis"; url: string }
  | { kind: "postgres"; url: string };

/** Throws `config_invalid` for a URL of no store we have. The message never repeats a password. */
export function parseStoreUrl(url: string): StoreAddress {
  if (url.startsWith("pglite:")) {
    const directory = url.slice("pglite:".length).replace(/^\/\/(?=\/)/, "");
    if (directory !== "") return { kind: "embedded", directory: path.resolve(directory) };
  }
  if (/^rediss?:\/\//.test(url) && URL.canParse(url)) return { kind: "redis", url };
  if (/^postgres(?:ql)?:\/\//.test(url) && URL.canParse(url)) return { kind: "postgres", url };
  if (/^(?:redis|rediss|postgres|postgresql):\/\//.test(url)) {
    throw new TraceloadError("config_invalid", "--store: the URL cannot be read", {
      next: "scheme://user:password@host:port; in user and password, write characters such as @ : / ? # % as %40 %3A %2F %3F %23 %25",
    });
  }
  const scheme = /^[a-z+]+:/i.exec(url)?.[0] ?? url.slice(0, 20);
  throw new TraceloadError("config_invalid", `--store: ${JSON.stringify(scheme)} is not a store`, {
    next: "redis://host:6379, rediss://host:6379, postgres://host:5432/database, or pglite:DIRECTORY",
  });
}

/** Whether opening the store would find one. Throws for a server that cannot be asked, as opening does. */
export async function storeExists(
  address: StoreAddress,
  onFault: (error: unknown) => void,
): Promise<boolean> {
  switch (address.kind) {
    case "embedded":
      return existsSync(address.directory);
    case "postgres": {
      const { postgresStoreExists } = await import("../store/postgres/open.ts");
      return postgresStoreExists(address);
    }
    case "redis": {
      const { redisHasStore } = await import("./redis-connection.ts");
      return redisHasStore(address.url, onFault);
    }
    default:
      return address satisfies never;
  }
}

/**
 * Loads the one adapter that is needed: each takes a tenth of a second. `recoveryMs`: how long a Redis that was restarted
 * waits to be told what it may have forgotten.
 */
export async function openStoreConnection(
  address: StoreAddress,
  onFault: (error: unknown) => void,
  options: { recoveryMs: number },
): Promise<StoreConnection> {
  if (address.kind === "embedded") return openEmbeddedConnection(address.directory);
  if (address.kind === "postgres") return openPostgresConnection(address.url, onFault);
  const { openRedisConnection } = await import("./redis-connection.ts");
  return openRedisConnection(address.url, onFault, options);
}

async function openEmbeddedConnection(directory: string): Promise<StoreConnection> {
  const { openEmbedded } = await import("../store/pglite/open.ts");
  const embedded = await openEmbedded({ directory });
  const pool = embedded.pool as unknown as PgPool;
  return {
    store: embedded.store,
    queue: { kind: "postgres", producer: pool, consumer: pool, prefix: "" },
    close: () => embedded.close(),
  };
}

/** Other applications may have queues of BullMQ's in the same database. */
const QUEUE_PREFIX = "traceload-";

async function openPostgresConnection(
  url: string,
  onFault: (error: unknown) => void,
): Promise<StoreConnection> {
  const { openPostgres } = await import("../store/postgres/open.ts");
  const opened = await openPostgres({ url, onFault });
  return {
    store: opened.store,
    queue: {
      kind: "postgres",
      producer: opened.producer as unknown as PgPool,
      consumer: opened.consumer as unknown as PgPool,
      prefix: QUEUE_PREFIX,
    },
    close: () => opened.close(),
  };
}
