/** Queries on a real Postgres as sources. */
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TraceloadError } from "../../src/core/errors.ts";
import { findPostgres, type PostgresServer } from "../support/postgres-server.ts";
import { readAddressRows, type RemoteRequest } from "../support/remote-reading.ts";
import { brief } from "../support/source-reading.ts";

const found = await findPostgres("queries on Postgres", { restartable: true });

const SINCE = { typed: "24h", at: "2026-11-27T00:00:00.000Z" };
const UNTIL = { typed: "", at: "2026-11-28T00:00:00.000Z" };

describe.skipIf(found === undefined)("a query on Postgres", () => {
  let server: PostgresServer;
  let url: string;

  async function ask(sql: string): Promise<unknown[]> {
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  beforeAll(async () => {
    if (found === undefined) return;
    server = await found.start();
    url = await server.createDatabase("traces");
    await ask(`
      CREATE TABLE spans (trace_id text, span_id text, at timestamptz, score numeric, note text);
      INSERT INTO spans SELECT 'trace-' || n, 'span-' || n, timestamptz '2026-11-26 12:00Z' + n * interval '1 hour', n, 'ab' || chr(10) || 'c, "d"'
        FROM generate_series(1, 48) AS n;
      CREATE ROLE reader LOGIN PASSWORD 'geheim-123';
      GRANT SELECT ON spans TO reader;
    `);
  }, 60_000);
  afterAll(() => server?.stop());

  const read = (query: string, request: Partial<RemoteRequest> = {}) =>
    readAddressRows({
      address: "${DATABASE_URL}",
      variables: { DATABASE_URL: url },
      ...request,
      remote: { query, ...request.remote },
    });

  test("is rows by the names of its columns, told the times as parameters", async () => {
    const { rows, fault, names, sources } = await read(
      `select note, trace_id, span_id, 'not :since' as "a:until" from spans -- :since
       where at >= :since and at < :until::timestamptz order by at;`,
      { remote: { since: SINCE, until: UNTIL } },
    );
    expect(fault).toBeUndefined();
    expect(rows).toHaveLength(24);
    expect(brief(rows).slice(0, 2)).toEqual(["trace-12/span-12", "trace-13/span-13"]);
    // Rows are known by their number, whatever line breaks their cells hold.
    expect(rows.map(({ line }) => line)).toEqual(Array.from({ length: 24 }, (_, index) => index + 1));
    expect(names).toEqual([`postgres://${new URL(url).host}/traces`]);
    expect(sources.facts[0]?.window).toBe("since 2026-11-27T00:00:00.000Z until 2026-11-28T00:00:00.000Z");
  });

  test("gives values of every type as the server writes them", async () => {
    const { rows } = await read(
      String.raw`select 9223372036854775807 as trace_id, v as span_id from (values
         ('\x00ff'::bytea::text), (gen_random_uuid()::text)) as t(v)
       union all select 18446744073709551615::numeric, '\x0102'::bytea::text`,
    );
    expect(rows.map(({ traceId }) => traceId)).toEqual([
      "9223372036854775807",
      "9223372036854775807",
      "18446744073709551615",
    ]);
    const typed = await read(
      String.raw`select '5cbef5b8-7a4c-4f0e-9c5e-3f1f3ad1b2c3'::uuid as trace_id, '\xdeadbeef'::bytea as span_id`,
    );
    expect(brief(typed.rows)).toEqual(["5cbef5b8-7a4c-4f0e-9c5e-3f1f3ad1b2c3/deadbeef"]);
    const json = await read(
      `select '{"id": 12345678901234567890}'::jsonb as doc, null as span_id, 1 as trace_id`,
    );
    expect(brief(json.rows)).toEqual(["1/"]);
    expect(json.kept).toContain(String.raw`{\"id\": 12345678901234567890}`);
  });

  test("takes the columns that were chosen, and each trace once where that is the unit", async () => {
    const { rows } = await read(`select 'x' || n % 3 as id from generate_series(1, 10000) as n`, {
      options: { traceColumn: "id", unit: "trace" },
    });
    expect(brief(rows)).toEqual(["x1/", "x2/", "x0/"]);
  });

  test("of no rows is none, and of no known column is refused with its names", async () => {
    expect(await read("select trace_id from spans where false")).toMatchObject({
      rows: [],
      fault: undefined,
    });
    expect((await read("select score from spans")).fault).toMatchObject({
      code: "source_columns",
      message: expect.stringContaining('it has "score"') as unknown,
    });
  });

  test("that the server refuses says why, and where", async () => {
    const { fault } = await read("select trace_id\nfrom spans where at > :since and näme = 'x'", {
      remote: { since: SINCE },
    });
    expect(fault).toMatchObject({ code: "source_refused" });
    expect(String(fault)).toContain(
      String.raw`refused the query: "column \"näme\" does not exist" (42703) at line 2, column 34 of the query: "from spans where at > :since and näme = 'x'"`,
    );
    expect(String((await read("select trace_id frm spans")).fault)).toContain("at line 1, column 21");
  });

  test("fails behind the rows before, when the server does", async () => {
    const { rows, fault } = await read(
      "select 'a' as trace_id, 1 / (n - 3000) from generate_series(1, 4000) as n",
    );
    expect(fault).toMatchObject({
      code: "source_refused",
      message: expect.stringContaining("division by zero") as unknown,
    });
    expect(rows.length).toBeGreaterThan(40);
  });

  test.each([
    "delete from spans returning trace_id",
    "with gone as (delete from spans returning trace_id) select * from gone",
    "select 1 as trace_id; commit; drop table spans",
    "select nextval('s') as trace_id, set_config('transaction_read_only', 'off', false)",
  ])("changes nothing: %s", async (query) => {
    await ask("create sequence if not exists s");
    expect((await read(query)).fault).toMatchObject({ code: "source_refused" });
    expect(await ask("select count(*)::int as count from spans")).toEqual([{ count: 48 }]);
    expect(await ask("select is_called from s")).toEqual([{ is_called: false }]);
  });

  test("that takes too long is ended by the server", async () => {
    const { fault } = await read("select pg_sleep(60), 'a' as trace_id", { remote: { timeoutMs: 300 } });
    expect(fault).toMatchObject({
      code: "source_refused",
      message: expect.stringContaining("statement timeout") as unknown,
    });
  });

  test("that is stopped ends with the reason, and leaves no connection", async () => {
    const stop = new AbortController();
    const reading = read("select 'a' as trace_id, pg_sleep(0.01) from generate_series(1, 100000)", {
      signal: stop.signal,
    });
    const busy = "select count(*)::int as count from pg_stat_activity where application_name = 'traceload'";
    await expect.poll(() => ask(busy)).toEqual([{ count: 1 }]);
    stop.abort(new Error("told to stop"));
    expect((await reading).fault).toEqual(new Error("told to stop"));
    await expect.poll(() => ask(busy), { timeout: 10_000 }).toEqual([{ count: 0 }]);
  });

  test("shows no password: not in names, faults or facts", async () => {
    const own = new URL(url);
    const address = `postgres://reader:\${PASSWORD}@${own.host}/traces`;
    const ok = await readAddressRows({
      address,
      variables: { PASSWORD: "geheim-123" },
      remote: { query: "select trace_id from spans" },
    });
    expect(ok.rows).toHaveLength(48);
    const wrong = await readAddressRows({
      address,
      variables: { PASSWORD: "falsch@/:-456" },
      remote: { query: "select * from pg_authid" },
    });
    const shown = JSON.stringify([ok.names, ok.sources.facts, wrong.names, String(wrong.fault)]);
    expect(wrong.fault).toBeInstanceOf(TraceloadError);
    expect(shown).not.toContain("geheim");
    expect(shown).not.toContain("falsch");
  });

  test("on a server that is away says so", async () => {
    const { fault } = await readAddressRows({
      address: "postgres://reader@127.0.0.1:1/traces",
      remote: { query: "select 1 as trace_id" },
    });
    expect(fault).toMatchObject({
      code: "source_unreadable",
      message: expect.stringContaining("127.0.0.1:1: connection refused") as unknown,
    });
  });
});
