/** The pool over the embedded database: what BullMQ and the store expect of a `pg.Pool`, on one session. */
import { once } from "node:events";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EmbeddedPool } from "../../src/store/pglite/pool.ts";
import { openEmbedded, type Embedded } from "../../src/store/pglite/open.ts";
import { scratchDirectory } from "../support/scratch-directory.ts";

describe("the embedded pool", () => {
  let embedded: Embedded;
  let pool: EmbeddedPool;
  const scratch = scratchDirectory();

  beforeAll(async () => {
    embedded = await openEmbedded({ directory: scratch.path("store") });
    pool = embedded.pool;
    await pool.query("create table public.note (id integer primary key, text text)");
  });
  afterAll(async () => {
    await embedded?.close();
    await scratch.remove();
  });

  test("reads values as pg does", async () => {
    const { rows, rowCount } = await pool.query(
      `select $1::integer as int, $2::bigint as big, $3::jsonb as json, $4::text[] as texts, $5::boolean as yes,
        $6::timestamptz as at, $7::text as nothing, $8::bytea as bytes, $9::double precision[] as doubles`,
      [
        7,
        2n ** 60n,
        { a: ["x", 1] },
        ['q"uo\\te', "a,b", "", null],
        true,
        new Date(0),
        undefined,
        Buffer.from([0, 255]),
        [1.5, null],
      ],
    );
    expect(rowCount).toBe(1);
    expect(rows[0]).toEqual({
      int: 7,
      big: String(2n ** 60n),
      json: { a: ["x", 1] },
      texts: ['q"uo\\te', "a,b", "", null],
      yes: true,
      at: new Date(0),
      nothing: null,
      bytes: Buffer.from([0, 255]),
      doubles: [1.5, null],
    });
  });

  test("answers the last of several statements, and counts what changed", async () => {
    const { rows } = await pool.query("select 1 as one; select 2 as two");
    expect(rows).toEqual([{ two: 2 }]);
    const inserted = await pool.query("insert into public.note values (901, 'a'), (902, 'b')");
    expect(inserted.rowCount).toBe(2);
  });

  test("keeps others out of a transaction until it ends", async () => {
    const client = await pool.connect();
    await client.query("begin");
    await client.query("insert into public.note values (1, 'mine')");
    const outside = pool.query("select count(*)::integer as n from public.note where id in (1, 2)");
    await client.query("insert into public.note values ($1, $2)", [2, "mine, too"]);
    await client.query("rollback");
    expect((await outside).rows).toEqual([{ n: 0 }]);
    client.release();
  });

  test("ends the transaction of a client that is given back in the middle of it", async () => {
    const client = await pool.connect();
    await client.query("begin");
    await client.query("insert into public.note values (3, 'left')");
    client.release();
    expect((await pool.query("select from public.note where id = 3")).rowCount).toBe(0);
  });

  test("goes on after an error, in a transaction and outside of one", async () => {
    const client = await pool.connect();
    await client.query("begin");
    await expect(client.query("select $1::integer / 0", [1])).rejects.toMatchObject({ code: "22012" });
    await expect(client.query("select $1::integer / 0", [1])).rejects.toMatchObject({ code: "25P02" });
    await client.query("rollback");
    client.release();
    await expect(pool.query("select $1::integer / 0", [1])).rejects.toMatchObject({ code: "22012" });
    expect((await pool.query("select $1::integer as n", [4])).rows).toEqual([{ n: 4 }]);
  });

  test("refuses a transaction without a client of its own", async () => {
    await expect(pool.query("begin")).rejects.toThrow(/connect\(\)/);
    expect((await pool.query("select 5 as n")).rows).toEqual([{ n: 5 }]);
  });

  test("tells each listening client of its channel, and nobody else", async () => {
    const [first, second] = [await pool.connect(), await pool.connect()];
    await first.query("-- with a comment\nLISTEN apples;\n");
    await second.query("LISTEN pears");
    const heard = Promise.all([once(first, "notification"), once(second, "notification")]);
    await pool.query("select pg_notify('apples', 'a'), pg_notify('pears', 'b')");
    expect((await heard).flat()).toMatchObject([
      { channel: "apples", payload: "a" },
      { channel: "pears", payload: "b" },
    ]);
    first.release();
    second.release();
  });

  test("lets timers fire while statements follow each other without a pause", async () => {
    let fired = 0;
    const timer = setInterval(() => (fired += 1), 1);
    const busy = Array.from({ length: 8 }, async () => {
      for (let count = 0; count < 200; count += 1) await pool.query("select $1::integer", [count]);
    });
    await Promise.all(busy);
    clearInterval(timer);
    expect(fired).toBeGreaterThan(5);
  });
});

test("a database that has given up is not asked again, and its directory can be opened anew", async () => {
  const scratch = scratchDirectory();
  const directory = scratch.path("store");
  const log = join(directory, "data", "pg_wal");
  const embedded = await openEmbedded({ directory });
  const { pool } = embedded;
  await pool.query("create table public.note (id integer)");
  // PostgreSQL panics when it cannot write its log, as at a full disk.
  await rename(log, `${log}-away`);
  // Not as a full store, which callers wait for.
  const gone = { code: "store_unreachable", cause: { severity: "PANIC" } };
  await expect(
    pool.query("select pg_switch_wal(); insert into public.note values (1)"),
  ).rejects.toMatchObject(gone);
  await expect(pool.query("select 1")).rejects.toMatchObject(gone);
  await embedded.close();
  await rename(`${log}-away`, log);
  const again = await openEmbedded({ directory });
  expect((await again.pool.query("select from public.note")).rowCount).toBe(0);
  await again.close();
  await scratch.remove();
});
