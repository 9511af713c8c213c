/** Walks over the ledger's hashes in Redis: in pieces, through a hash of many entries, while entries come and go. */
import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { groupKey, type GroupKey, type RowKey } from "../../src/core/row.ts";
import type { PortableEntry, Store } from "../../src/core/store.ts";
import { openRedisStore } from "../../src/store/redis/store.ts";
import { findRedis, type RedisServer } from "../support/redis-server.ts";
import { DRAFT, newOrigin, newToken } from "../support/store-fixtures.ts";

const redis = await findRedis("the Redis store's walks");

/** More than fit into a listpack, so that Redis scans the hash itself in pieces. */
const CROWD = 700;

describe.skipIf(redis === undefined)("the Redis store's entries", () => {
  let server: RedisServer;
  let client: Redis;
  let store: Store;
  let prefix: string;

  beforeAll(async () => {
    const started = await redis?.start();
    if (started === undefined) throw new Error("these tests are skipped without a Redis");
    server = started;
    client = new Redis(server.url, { maxRetriesPerRequest: null });
  });
  beforeEach(async () => {
    prefix = `traceload-test-${randomBytes(6).toString("hex")}`;
    store = await openRedisStore({ client, prefix });
    return async () => {
      await store.close();
      for await (const keys of client.scanStream({ match: `{${prefix}}:*`, count: 1000 })) {
        if (keys.length > 0) await client.unlink(...keys);
      }
    };
  });
  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });

  /** Entries that all lie in one hash, or each in its own. */
  const added = (group: GroupKey, count: number, bucket?: string): PortableEntry[] =>
    Array.from({ length: count }, () => ({
      key: `${bucket ?? randomBytes(2).toString("hex")}${randomBytes(14).toString("hex")}` as RowKey,
      group,
      state: "added",
      token: newToken(),
      draftDatasetId: DRAFT,
      until: undefined,
    }));

  test("are all met in one crowded hash, a bounded page at a time, while others come and go", async () => {
    const stays = added(groupKey(newOrigin(), 1), CROWD, "beef");
    const passing = groupKey(newOrigin(), 1);
    await store.putEntries(stays);
    expect(await client.object("ENCODING", `{${prefix}}:l:beef`)).not.toBe("listpack");
    const met = new Set<RowKey>();
    let pages = 0;
    let longest = 0;
    let cursor: string | undefined;
    do {
      const page = await store.readEntries({ cursor, limit: 20 });
      for (const { key } of page.entries) met.add(key);
      longest = Math.max(longest, page.entries.length);
      pages += 1;
      cursor = page.cursor;
      // Growing to several times its size and back makes Redis lay the hash out anew, both ways.
      if (pages % 6 === 1) for (let n = 0; n < 4; n++) await store.putEntries(added(passing, 1000, "beef"));
      if (pages % 6 === 4) while ((await store.removeEntries(passing, 10_000)) > 0);
    } while (cursor !== undefined);
    expect(stays.filter(({ key }) => !met.has(key))).toEqual([]);
    expect(pages).toBeGreaterThan(6);
    expect(longest).toBeLessThan(200);
  });

  test("are forgotten piece by piece, those as well that came behind the last piece", async () => {
    const group = groupKey(newOrigin(), 1);
    const other = added(groupKey(newOrigin(), 1), 50);
    await store.putEntries([...added(group, 300), ...added(group, CROWD, "beef"), ...other]);
    let removed = await store.removeEntries(group, 600);
    expect(removed).toBeGreaterThanOrEqual(600);
    expect(removed).toBeLessThan(300 + CROWD);
    await store.putEntries(added(group, 10, "0000"));
    for (let gone = 1; gone > 0; removed += gone) gone = await store.removeEntries(group, 600);
    expect(removed).toBe(300 + CROWD + 10);
    const left = await store.readEntries({ cursor: undefined, limit: 1000 });
    expect(left.entries.map(({ key }) => key).toSorted()).toEqual(other.map(({ key }) => key).toSorted());
  });

  test("are not read from a cursor of another store", async () => {
    await expect(store.readEntries({ cursor: "a1b2", limit: 10 })).rejects.toThrow(
      '"a1b2" is not a cursor of this store',
    );
  });
});
