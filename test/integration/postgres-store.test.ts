/** A store on a Postgres server: what it refuses and warns of when it is opened, and what it bears when it is open. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { Store } from "../../src/core/store.ts";
import { openPostgres, type OpenedPostgres, type PostgresOptions } from "../../src/store/postgres/open.ts";
import { openLedgerStore } from "../../src/wire/ledger.ts";
import { openStoreIfThere } from "../../src/wire/stores.ts";
import { findPostgres, type PostgresServer } from "../support/postgres-server.ts";
import { ADDED, setStage } from "../support/store-fixtures.ts";
import { type ProxyOptions, startTcpProxy } from "../support/tcp-proxy.ts";

const postgres = await findPostgres("the store on Postgres", { restartable: true });

let server: PostgresServer;
/** Of the database that most tests share: to make its tables takes longest. */
let url: string;
const closers: (() => Promise<unknown>)[] = [];
let databases = 0;

/** Servers of tests have it so: after a kill, those that sync first read all of their files. */
const UNSYNCED = expect.stringMatching(
  /^PostgreSQL's fsync is "off": .*ALTER SYSTEM SET fsync = on/,
) as string;

async function newDatabase(): Promise<string> {
  databases += 1;
  return server.createDatabase(`store_${databases}`);
}

async function open(url: string, change: Partial<PostgresOptions> = {}): Promise<OpenedPostgres> {
  const opened = await openPostgres({ url, onFault: () => undefined, ...change });
  closers.push(() => opened.close());
  return opened;
}

/** As a superuser. */
async function run(url: string, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

function asUser(url: string, user: string): string {
  const other = new URL(url);
  other.username = user;
  other.password = "hunter2";
  return other.href;
}

describe.skipIf(postgres === undefined)("a store on Postgres", () => {
  beforeAll(async () => {
    if (postgres === undefined) return;
    server = await postgres.start();
    url = await newDatabase();
  });
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
  });
  afterAll(() => server.stop());

  test("is made once, by however many processes that open it at the same time", async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => open(url)));
    const stage = await setStage(all[0]!.store);
    for (const { store } of all) {
      expect(store.facts).toEqual({
        kind: "postgres",
        name: url.replace("postgres@", ""),
        warnings: [UNSYNCED],
      });
      expect(await store.getRun(stage.run.runId)).toMatchObject({ runId: stage.run.runId });
    }
  });

  test("is not made by who only looks", async () => {
    const empty = await newDatabase();
    const look = (store: string) => openStoreIfThere({ store, leaseTtl: 15_000 }, () => undefined);
    expect(await look(empty)).toBeUndefined();
    const named = { store: asUser(empty, "postgres"), leaseTtl: 15_000 };
    const exporting = openLedgerStore(named, { mustExist: true }, () => undefined);
    const place = empty.replace("postgres@", "");
    await expect(exporting).rejects.toThrow(new RegExp(`there is no store in ${place}$`));
    const client = new Client({ connectionString: empty });
    await client.connect();
    closers.push(() => client.end());
    const { rows } = await client.query(
      "select nspname from pg_namespace where nspname in ('traceload', 'bullmq')",
    );
    expect(rows).toEqual([]);
    await open(url);
    const there = await look(url);
    expect(await there?.store.listRuns()).toEqual(expect.any(Array));
    await there?.close();
    await expect(look("postgres://127.0.0.1:1/none")).rejects.toMatchObject({ code: "store_unreachable" });
  });

  test("of a newer schema is refused, and both versions are named", async () => {
    const future = "insert into traceload.migration (version, name) values (999, 'of the future')";
    await run(url, future);
    closers.push(() => run(url, "delete from traceload.migration where version = 999"));
    await expect(open(url)).rejects.toMatchObject({
      code: "store_schema",
      message: expect.stringMatching(/version 999.*up to \d+$/),
    });
  });

  test("warns of each setting that weakens a promise, with the command that mends it", async () => {
    await run(url, "create role hasty superuser login", "alter role hasty set synchronous_commit = off");
    const { store } = await open(asUser(url, "hasty"));
    const [warning, ...others] = store.facts.warnings;
    expect(others).toEqual([UNSYNCED]);
    expect(warning).toContain(`synchronous_commit is "off"`);
    const command = /psql -c '(.*)'$/.exec(warning ?? "")?.[1];
    await run(url, command ?? "");
    expect((await open(asUser(url, "hasty"))).store.facts.warnings).toEqual([UNSYNCED]);
  });

  test("is refused to a user that may not write", async () => {
    await run(url, "create role reader superuser login");
    await run(url, "alter role reader set default_transaction_read_only = on");
    await expect(open(asUser(url, "reader"))).rejects.toMatchObject({
      code: "store_unreachable",
      next: expect.stringContaining(`ALTER ROLE "reader" SET default_transaction_read_only = off`),
    });
  });

  test("needs no right but to its own two schemas, once they are there; without them it says what is not allowed", async () => {
    const url = await newDatabase();
    await run(url, "create role plain login connection limit 1");
    await expect(open(asUser(url, "plain"))).rejects.toMatchObject({
      code: "store_unreachable",
      message: expect.stringContaining("permission denied for database"),
    });
    await run(url, `grant create on database ${new URL(url).pathname.slice(1)} to plain`);
    await (await openPostgres({ url: asUser(url, "plain"), onFault: () => undefined })).close();
    await run(url, `revoke create on database ${new URL(url).pathname.slice(1)} from plain`);
    // One connection is enough.
    const { store } = await open(asUser(url, "plain"));
    const stage = await setStage(store, { rows: 30 });
    const claims = await Promise.all(stage.rows.map(({ row }) => stage.claim(row)));
    await Promise.all(claims.map((claim) => store.settle(stage.settleOf(claim, ADDED))));
    expect(await store.getGroup(stage.group)).toMatchObject({ added: 30, sending: 0 });
  });

  test("whose connections lose the search_path is refused, with a way out", async () => {
    const elsewhere = `${url}?options=${encodeURIComponent("-c search_path=public")}`;
    await expect(open(elsewhere)).rejects.toMatchObject({
      code: "config_invalid",
      next: expect.stringContaining(`ALTER ROLE "postgres" SET search_path = bullmq`),
    });
  });

  test("that is not there, or not this user's, is given up on at once, without the password", async () => {
    await expect(open("postgres://ada:hunter2@127.0.0.1:1/traces")).rejects.toMatchObject({
      code: "store_unreachable",
      message: expect.stringMatching(
        /^cannot reach the store postgres:\/\/127\.0\.0\.1:1\/traces: .*ECONNREFUSED/,
      ),
    });
    await expect(open(asUser(server.url, "nobody-knows"))).rejects.toMatchObject({
      code: "store_unreachable",
      message: expect.stringContaining('role "nobody-knows" does not exist'),
    });
    const elsewhere = new URL(server.url);
    elsewhere.pathname = "/nowhere";
    await expect(open(elsewhere.href)).rejects.toMatchObject({
      code: "store_unreachable",
      message: expect.stringContaining('database "nowhere" does not exist'),
    });
  });

  test("waits while the server is away, tells so, and keeps what it had acknowledged", async () => {
    const faults: unknown[] = [];
    const { store } = await open(url, { onFault: (error) => faults.push(error) });
    const stage = await setStage(store, { rows: 50 });
    const claims = await Promise.all(stage.rows.slice(0, 20).map(({ row }) => stage.claim(row)));
    await Promise.all(claims.slice(0, 10).map((claim) => store.settle(stage.settleOf(claim, ADDED))));
    await server.kill();
    const waiting = stage.rows.slice(20).map(({ row }) => stage.claim(row));
    const settling = claims.slice(10).map((claim) => store.settle(stage.settleOf(claim, ADDED)));
    await vi.waitFor(() =>
      expect(faults).toContainEqual(expect.objectContaining({ code: "store_unreachable" })),
    );
    await server.restart();
    await Promise.all([...waiting, ...settling]);
    expect(await store.getGroup(stage.group)).toMatchObject({ added: 20, sending: 30, unknown: 0 });
    expect((await store.getRun(stage.run.runId))?.counts).toMatchObject({ queued: 30, added: 20 });
  });

  test("does what was asked once, when connections are cut before an answer, and when they lead nowhere", async () => {
    const answersCut = { left: 0 };
    const { store, proxy } = await openThroughProxy({
      onReply: () => {
        if (answersCut.left <= 0) return undefined;
        answersCut.left -= 1;
        return { bytes: 0, end: "reset" };
      },
    });
    const stage = await setStage(store, { rows: 60 });
    const { version } = await store.getGroup(stage.group);
    answersCut.left = 3;
    const claims = await Promise.all(stage.rows.slice(0, 30).map(({ row }) => stage.claim(row)));
    answersCut.left = 3;
    await Promise.all(claims.map((claim) => store.settle(stage.settleOf(claim, ADDED))));
    expect(answersCut.left).toBeLessThanOrEqual(0);
    expect(await store.getGroup(stage.group)).toMatchObject({ added: 30, sending: 0, version: version + 60 });
    expect(proxy.freeze()).toBeGreaterThan(0);
    await Promise.all(stage.rows.slice(30).map(({ row }) => stage.claim(row)));
    expect(await store.getGroup(stage.group)).toMatchObject({
      added: 30,
      sending: 30,
      version: version + 90,
    });
  });

  test("refuses calls once it is closed", async () => {
    const opened = await openPostgres({ url, onFault: () => undefined });
    await opened.close();
    await expect(opened.store.now()).rejects.toMatchObject({ code: "store_unreachable" });
  });

  // The last one: the server stays what it is made here.
  test("on a standby is refused", async () => {
    // With this file, a server takes itself for a standby, whose primary it cannot find.
    await writeFile(join(server.directory ?? "", "standby.signal"), "");
    await server.restart();
    await expect(open(url)).rejects.toMatchObject({
      code: "store_unreachable",
      message: expect.stringContaining("is a standby"),
    });
  });
});

async function openThroughProxy(options: Omit<ProxyOptions, "targetPort">): Promise<{
  store: Store;
  proxy: Awaited<ReturnType<typeof startTcpProxy>>;
}> {
  const through = new URL(url);
  const proxy = await startTcpProxy({ ...options, targetPort: Number(through.port) });
  closers.push(() => proxy.close());
  through.port = String(proxy.port);
  const { store } = await open(through.href, { statementTimeoutMs: 1_000 });
  return { store, proxy };
}
