/** A Redis that has forgotten what it acknowledged last: the living tell it again, and until then nobody may send. */
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openRedisStore } from "../../src/store/redis/store.ts";
import type { Settlement, Store } from "../../src/core/store.ts";
import { logBytes, restartWithout } from "../support/redis-log.ts";
import { findRedis, type RedisServer, type RedisSettings } from "../support/redis-server.ts";
import {
  ADDED,
  aHolder,
  DRAFT,
  LONG_MS,
  RELEASED,
  REJECTED,
  setStage,
  UNKNOWN,
} from "../support/store-fixtures.ts";

const redis = await findRedis("a Redis that forgets", { restartable: true });
/** The log is cut on disk: that of a container is out of reach. */
const cuttable = redis?.kind === "binary";

const RECOVERY_MS = 1_500;

describe.skipIf(!cuttable)("the Redis store, after its server has forgotten its last moments", () => {
  let server: RedisServer;
  let closing: (() => Promise<unknown>)[] = [];
  const start = async (settings: RedisSettings = { appendonly: "yes", appendfsync: "no" }) => {
    if (redis === undefined) throw new Error("these tests are skipped without a Redis");
    server = await redis.start(settings);
    closing.push(() => server.stop());
  };
  const open = async (recoveryMs = RECOVERY_MS): Promise<Store> => {
    const client = new Redis(server.url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
    client.on("error", () => undefined);
    const store = await openRedisStore({ client, recoveryMs });
    closing.push(async () => {
      await store.close();
      client.disconnect();
    });
    return store;
  };
  let living: Store;
  let other: Store;
  beforeEach(async () => {
    closing = [];
    await start();
    [living, other] = [await open(), await open()];
  });
  afterEach(async () => {
    for (const close of closing.toReversed()) await close();
  });
  const until = (check: () => Promise<unknown>) => vi.waitFor(check, { timeout: 15_000, interval: 20 });

  test("a claim that was lost is told again by its owner before anybody else can have it", async () => {
    const stage = await setStage(living);
    const mark = await logBytes(server);
    const claim = await stage.claim(1);
    const before = await other.lookup([claim.key]);
    await restartWithout(server, mark);

    const rival = stage.claimOf(1);
    const answer = await other.claim(rival);
    expect(answer).toMatchObject({ kind: "wait", reason: "recovery" });
    if (answer.kind === "wait") expect(answer.retryInMs).toBeLessThanOrEqual(RECOVERY_MS);
    await until(async () => expect(await other.lookup([claim.key])).toEqual(before));
    expect(await living.claim(claim)).toEqual({ kind: "claimed" });
    await until(async () => expect((await other.claim(rival)).kind).toBe("unknown"));
    await living.settle(stage.settleOf(claim, ADDED));
    expect(await stage.read(1)).toMatchObject({ status: "added" });
    expect(await other.getGroup(stage.group)).toMatchObject({ added: 1, sending: 0, unknown: 0 });
  });

  test("claims are told again that were lost in the middle of being written", async () => {
    const stage = await setStage(living, { rows: 40 });
    const claims = await Promise.all(stage.rows.slice(0, 20).map(({ row }) => stage.claim(row)));
    const mark = await logBytes(server);
    claims.push(...(await Promise.all(stage.rows.slice(20).map(({ row }) => stage.claim(row)))));
    await restartWithout(server, mark + 99);
    await until(async () => expect(await other.getGroup(stage.group)).toMatchObject({ sending: 40 }));
    const entries = await other.lookup(claims.map(({ key }) => key));
    expect(new Set(entries.map(({ token }) => token))).toEqual(new Set(claims.map(({ token }) => token)));
  });

  test.each([
    ["added", ADDED, "added", "added"],
    ["rejected", REJECTED, undefined, "rejected"],
    ["unknown", UNKNOWN, "unknown", "unknown"],
    ["released", RELEASED, undefined, "queued"],
  ] as const)(
    "what was settled as %s is so again, with its claim lost or only the settlement",
    async (_, settlement: Settlement, entry, status) => {
      const stage = await setStage(living);
      const kept = await stage.claim(1);
      const mark = await logBytes(server);
      const lost = await stage.claim(2);
      for (const claim of [kept, lost]) await living.settle(stage.settleOf(claim, settlement));
      const [rows, entries, group] = await Promise.all([
        living.readRows(stage.run.runId, { fromRow: 1, limit: 2 }),
        living.lookup([kept.key, lost.key]),
        living.getGroup(stage.group),
      ]);
      await restartWithout(server, mark);

      const { version: _version, ...counts } = group;
      await until(async () => expect(await other.getGroup(stage.group)).toMatchObject(counts));
      expect(await other.lookup([kept.key, lost.key])).toEqual(entries);
      expect(entries.map(({ state }) => state)).toEqual(entry === undefined ? [] : [entry, entry]);
      const again = await other.readRows(stage.run.runId, { fromRow: 1, limit: 2 });
      expect(again.map((row) => row.status)).toEqual([status, status]);
      const timeless = (row: (typeof rows)[number]) => ({ ...row, finishedAt: undefined, attempts: 1 });
      expect(again.map(timeless)).toEqual(rows.map(timeless));
    },
  );

  test("a row whose owner died, too, may be claimed when the living have had their time", async () => {
    const stage = await setStage(living);
    const mark = await logBytes(server);
    const claim = await stage.claim(1);
    await living.close();
    await restartWithout(server, mark);
    const request = stage.claimOf(1);
    expect(await other.claim(request)).toMatchObject({ kind: "wait", reason: "recovery" });
    expect(await other.lookup([claim.key])).toEqual([]);
    await until(async () => expect(await other.claim(request)).toEqual({ kind: "claimed" }));
  });

  test("slots are given from then on, and say what they wait for", async () => {
    const stage = await setStage(living);
    const ask = { limiter: stage.limiter, sender: "me", ratePerSecond: 10, count: 1 };
    expect((await other.reserveSlots(ask)).recovering).toBeUndefined();
    await restartWithout(server, await logBytes(server));
    await other.claim(stage.claimOf(1));
    const grant = await other.reserveSlots(ask);
    expect(grant.recovering).toBe(true);
    expect(grant.startInMs).toBeGreaterThan(0);
    expect(grant.startInMs).toBeLessThanOrEqual(RECOVERY_MS + 100);
  });

  test("nothing is judged by what the server still knows, nor by what was read before", async () => {
    const stage = await setStage(living);
    await living.settle(stage.settleOf(await stage.claim(1), UNKNOWN));
    const [owner, second] = [
      await living.openLease(aHolder(), LONG_MS),
      await other.openLease(aHolder(), LONG_MS),
    ];
    expect(await living.lockGroup(stage.group, owner, LONG_MS)).toBe(true);
    const verdict = {
      kind: "absent",
      draftDatasetId: DRAFT,
      version: (await living.readDoubt(stage.group)).version,
    } as const;
    await restartWithout(server, await logBytes(server));

    expect(await living.commitVerdict(stage.group, verdict)).toBeUndefined();
    // Whoever holds the gate keeps it; nobody else gets it.
    expect(await living.lockGroup(stage.group, owner, LONG_MS)).toBe(true);
    await living.unlockGroup(stage.group, owner);
    expect(await other.lockGroup(stage.group, second, LONG_MS)).toBe(false);
    await living.setGroup(stage.group, { phase: "open", draftDatasetId: DRAFT, baseline: 7 });
    expect(await other.getGroup(stage.group)).toMatchObject({ baseline: 0, unknown: 1 });

    await until(async () => expect(await other.lockGroup(stage.group, second, LONG_MS)).toBe(true));
    expect(await other.commitVerdict(stage.group, verdict)).toBeUndefined();
    const { version } = await other.readDoubt(stage.group);
    expect(version).toBeGreaterThan(verdict.version + 1_000);
    expect(await other.commitVerdict(stage.group, { ...verdict, version })).toBe(1);
  });

  test("a lease that was lost is not given out a second time", async () => {
    const mark = await logBytes(server);
    const lost = await living.openLease(aHolder(), LONG_MS);
    await restartWithout(server, mark);
    expect(Number(await other.openLease(aHolder(), LONG_MS))).toBeGreaterThan(Number(lost));
    expect(await living.renewLease(lost, LONG_MS)).toBe(false);
  });

  test("a server that forgot everything is told what the living were granted", async () => {
    await start({ appendonly: "no" });
    [living, other] = [await open(), await open()];
    const stage = await setStage(living);
    const claim = await stage.claim(1);
    await server.restart();
    await until(async () =>
      expect(await other.lookup([claim.key])).toMatchObject([{ state: "sending", token: claim.token }]),
    );
    const anew = await setStage(other, { beside: stage });
    await other.setGroup(stage.group, { phase: "open", draftDatasetId: DRAFT, baseline: undefined });
    await until(async () =>
      expect(await other.claim(anew.claimOf(1))).not.toMatchObject({ reason: "recovery" }),
    );
    expect(await other.lookup([claim.key])).toMatchObject([{ token: claim.token }]);
  });

  test("with appendfsync always nothing waits after a restart", async () => {
    await start({ appendonly: "yes", appendfsync: "always" });
    [living, other] = [await open(LONG_MS), await open(LONG_MS)];
    const stage = await setStage(living);
    const claim = await stage.claim(1);
    await server.restart();
    expect(await other.claim(stage.claimOf(2))).toEqual({ kind: "claimed" });
    expect(await other.lookup([claim.key])).toMatchObject([{ state: "sending", token: claim.token }]);
  });

  test("a server that has only forgotten its scripts is waited for by nobody", async () => {
    const stage = await setStage(living);
    const client = new Redis(server.url);
    await client.script("FLUSH");
    client.disconnect();
    expect(await other.claim(stage.claimOf(1))).toEqual({ kind: "claimed" });
  });

  test("a server that does not tell which it is is waited for by nobody", async () => {
    const admin = new Redis(server.url);
    await admin.acl("SETUSER", "hosted", "on", ">secret", "~*", "+@all", "-config", "-info");
    const client = new Redis(server.url, {
      maxRetriesPerRequest: null,
      retryStrategy: () => 20,
      username: "hosted",
      password: "secret",
      enableReadyCheck: false,
    });
    const store = await openRedisStore({ client, prefix: "hosted", recoveryMs: LONG_MS });
    const stage = await setStage(store);
    await stage.claim(1);
    client.disconnect(true);
    await stage.claim(2);
    await store.close();
    client.disconnect();
    admin.disconnect();
  });
});
