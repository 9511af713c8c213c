/** The clients that a store on Redis and its queue work with. */
import { Redis, type RedisOptions } from "ioredis";
import { TraceloadError } from "../core/errors.ts";
import { openRedisStore, redisStoreExists, type RedisStoreOptions } from "../store/redis/store.ts";
import type { StoreConnection } from "./store-connection.ts";
import { sendOncePerTurn } from "./turn-writes.ts";

/** All keys of ours and BullMQ's share one hash tag, so that a Redis Cluster keeps them on one node. */
const REDIS_PREFIX = "traceload";

/** Throws `store_unreachable` when the first connection fails; later faults are told to `onFault`. */
export async function openRedisConnection(
  url: string,
  onFault: (error: unknown) => void,
  storeOptions: Pick<RedisStoreOptions, "recoveryMs">,
): Promise<StoreConnection> {
  const clients: Redis[] = [];
  const disconnect = () => {
    for (const client of clients) client.disconnect();
  };
  try {
    const connect = async (options: RedisOptions): Promise<Redis> => {
      const client = await connectTo(url, onFault, options);
      clients.push(client);
      return client;
    };
    // The ledger and the workers wait for a Redis that is away; the producer is told, and sends its batch again.
    const patient = { maxRetriesPerRequest: null };
    const ledger = await connect(patient);
    const consumer = await connect(patient);
    const producer = await connect({ maxRetriesPerRequest: 1, enableOfflineQueue: false });
    const store = await openRedisStore({ client: ledger, prefix: REDIS_PREFIX, ...storeOptions });
    return {
      store,
      queue: { kind: "redis", producer, consumer, prefix: `{${REDIS_PREFIX}}` },
      close: async () => {
        await store.close();
        disconnect();
      },
    };
  } catch (error) {
    disconnect();
    throw error;
  }
}

/** Whether there is a store to open. Makes none. Throws `store_unreachable`. */
export async function redisHasStore(url: string, onFault: (error: unknown) => void): Promise<boolean> {
  const client = await connectTo(url, onFault, { maxRetriesPerRequest: 1 });
  try {
    return await redisStoreExists(client, REDIS_PREFIX);
  } catch (error) {
    throw unreachable(url, error);
  } finally {
    client.disconnect();
  }
}

async function connectTo(
  url: string,
  onFault: (error: unknown) => void,
  options: RedisOptions,
): Promise<Redis> {
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
  try {
    await client.connect();
    return client;
  } catch (error) {
    client.disconnect();
    throw unreachable(url, lastFault ?? error);
  }
}

function unreachable(url: string, cause: unknown): TraceloadError {
  const { protocol, host } = new URL(url);
  const nested = cause instanceof AggregateError ? cause.errors[0] : cause;
  const reason = nested instanceof Error ? nested.message : String(nested);
  const refused = /NOAUTH|WRONGPASS|NOPERM/.test(reason);
  return new TraceloadError("store_unreachable", `cannot reach the store ${protocol}//${host}: ${reason}`, {
    next: refused
      ? "check the user and password in --store or REDIS_URL"
      : "start it (docker compose up -d redis), or mend its address; a single machine needs none: leave --store out",
    cause,
  });
}
