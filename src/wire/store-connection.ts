/** From a store URL to a live store and the connection its queue runs on. */
import { existsSync } from "node:fs";
import path from "node:path";
import type { PgPool } from "bullmq";
import { Redis, type RedisOptions } from "ioredis";
import { TraceloadError } from "../core/errors.ts";
import type { Store } from "../core/store.ts";
import type { QueueConnection } from "../queue/bullmq-queues.ts";
import { openEmbedded } from "../store/pglite/open.ts";
import { openRedisStore } from "../store/redis/store.ts";
import { sendOncePerTurn } from "./turn-writes.ts";

export interface StoreConnection {
  store: Store;
  queue: QueueConnection;
  close(): Promise<void>;
}

export type StoreAddress = { kind: "embedded"; directory: string } | { kind: "redis"; url: string };

/** All keys of ours and BullMQ's share one hash tag, so that a Redis Cluster keeps them on one node. */
const REDIS_PREFIX = "traceload";

/** Throws `config_invalid` for a URL of no store we have. The message never repeats a password. */
export function parseStoreUrl(url: string): StoreAddress {
  if (url.startsWith("pglite:")) {
    const directory = url.slice("pglite:".length).replace(/^\/\/(?=\/)/, "");
    if (directory !== "") return { kind: "embedded", directory: path.resolve(directory) };
  }
  if (/^rediss?:\/\//.test(url) && URL.canParse(url)) return { kind: "redis", url };
  const scheme = /^[a-z+]+:/i.exec(url)?.[0] ?? url.slice(0, 20);
  throw new TraceloadError("config_invalid", `--store: ${JSON.stringify(scheme)} is not a store`, {
    next: "redis://host:6379, rediss://host:6379, or pglite:DIRECTORY",
  });
}

/** Whether opening the store would find one. A Redis is there or not; which keys it holds does not matter. */
export function storeExists(address: StoreAddress): boolean {
  return address.kind === "redis" || existsSync(address.directory);
}

export async function openStoreConnection(
  address: StoreAddress,
  onFault: (error: unknown) => void,
): Promise<StoreConnection> {
  return address.kind === "embedded"
    ? openEmbeddedConnection(address.directory)
    : openRedisConnection(address.url, onFault);
}

async function openEmbeddedConnection(directory: string): Promise<StoreConnection> {
  const embedded = await openEmbedded({ directory });
  return {
    store: embedded.store,
    queue: { kind: "postgres", pool: embedded.pool as unknown as PgPool },
    close: () => embedded.close(),
  };
}

async function openRedisConnection(url: string, onFault: (error: unknown) => void): Promise<StoreConnection> {
  const clients: Redis[] = [];
  const connect = async (options: RedisOptions): Promise<Redis> => {
    const common: RedisOptions = {
      lazyConnect: true,
      connectTimeout: 5_000,
      retryStrategy: (attempt: number) => Math.min(attempt * 200, 2_000),
    };
    const client = new Redis(url, { ...common, ...options, replyMapping: "legacy" });
    sendOncePerTurn(client);
    let lastFault: unknown;
    client.on("error", (error) => {
      lastFault = error;
      onFault(error);
    });
    clients.push(client);
    try {
      await client.connect();
    } catch (error) {
      for (const open of clients) open.disconnect();
      throw unreachable(url, lastFault ?? error);
    }
    return client;
  };
  // The ledger and the workers wait for a Redis that is away; the producer is told, and sends its batch again.
  const patient = { maxRetriesPerRequest: null };
  const ledger = await connect(patient);
  const consumer = await connect(patient);
  const producer = await connect({ maxRetriesPerRequest: 1, enableOfflineQueue: false });
  const store = await openRedisStore({ client: ledger, prefix: REDIS_PREFIX });
  return {
    store,
    queue: { kind: "redis", producer, consumer, prefix: `{${REDIS_PREFIX}}` },
    close: async () => {
      await store.close();
      for (const client of clients) client.disconnect();
    },
  };
}

function unreachable(url: string, cause: unknown): TraceloadError {
  const { protocol, host } = new URL(url);
  const nested = cause instanceof AggregateError ? cause.errors[0] : cause;
  const reason = nested instanceof Error ? nested.message : String(nested);
  const refused = /NOAUTH|WRONGPASS|NOPERM/.test(reason);
  return new TraceloadError("store_unreachable", `cannot reach the store ${protocol}//${host}: ${reason}`, {
    next: refused
      ? "check the user and password in --store or REDIS_URL"
      : "start it (docker compose up -d redis), or leave --store out to use the embedded one",
    cause,
  });
}
