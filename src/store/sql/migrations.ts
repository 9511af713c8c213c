/** The schema's versions, and bringing a database to the present one. */
import { createHash } from "node:crypto";
import { TraceloadError } from "../../core/errors.ts";
import { codeOf, type SqlClient, type SqlPool } from "./connection.ts";
import { claim } from "./schema/claim.ts";
import { counters, lockClasses } from "./schema/counters.ts";
import { entries } from "./schema/entries.ts";
import { groups } from "./schema/groups.ts";
import { limiter } from "./schema/limiter.ts";
import { rows } from "./schema/rows.ts";
import { runs } from "./schema/runs.ts";
import { settle } from "./schema/settle.ts";
import { sweep } from "./schema/sweep.ts";
import { syncs } from "./schema/syncs.ts";
import { tables } from "./schema/tables.ts";

interface Migration {
  version: number;
  name: string;
  sql: (schema: string) => string;
}

/** Once released, a migration is never changed; what it made is changed by a later one. */
const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: "ledger, runs, results, groups, leases, limiter",
    sql: (schema) =>
      [tables, counters, claim, settle, sweep, entries, runs, rows, groups, limiter]
        .map((part) => part(schema))
        .join("\n"),
  },
  { version: 2, name: "syncs and their history", sql: syncs },
];

export const SCHEMA_VERSION = MIGRATIONS.length;
export const DEFAULT_SCHEMA = "traceload";

/** Changes with any change of any migration: tells a prepared database of another build from one of this. */
export function migrationsFingerprint(): string {
  const hash = createHash("sha256");
  for (const { sql } of MIGRATIONS) hash.update(sql(DEFAULT_SCHEMA));
  return hash.digest("hex").slice(0, 16);
}

/** Quotes a schema's name, which cannot be a parameter. Only plain lower-case names are taken. */
export function quoteSchema(schema: string): string {
  if (!/^[a-z_][a-z0-9_]{0,40}$/.test(schema)) {
    throw new TraceloadError("config_invalid", `not a schema name: ${JSON.stringify(schema)}`);
  }
  return `"${schema}"`;
}

/**
 * Brings the schema to the present version; nothing happens when it is there. Safe beside other processes that do the
 * same. Throws `store_schema` when a newer version of the program has been at work.
 */
export async function migrate(pool: SqlPool, schema = DEFAULT_SCHEMA): Promise<void> {
  const quoted = quoteSchema(schema);
  if ((await versionOf(pool, quoted)) === SCHEMA_VERSION) return;
  const client = await pool.connect();
  let failed = false;
  try {
    await client.query("begin");
    await applyPending(client, schema, quoted);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => (failed = true));
    throw error;
  } finally {
    client.release(failed);
  }
}

/** Whether `migrate` was here before. Makes nothing. Throws `store_schema` as it does. */
export async function isMigrated(pool: Pick<SqlPool, "query">, schema = DEFAULT_SCHEMA): Promise<boolean> {
  return (await versionOf(pool, quoteSchema(schema))) > 0;
}

async function applyPending(client: SqlClient, schema: string, quoted: string): Promise<void> {
  await client.query("select pg_advisory_xact_lock($1, 0)", [lockClasses(schema).schema]);
  // Whoever may not make schemas gets far enough where one was made for it.
  const { rows } = await client.query("select to_regnamespace($1) is null as missing", [quoted]);
  if (rows[0]?.["missing"] === true) await client.query(`create schema ${quoted}`);
  await client.query(`create table if not exists ${quoted}.migration (
    version integer primary key, name text not null, applied_at timestamptz not null default clock_timestamp()
  )`);
  const present = await versionOf(client, quoted);
  for (const { version, name, sql } of MIGRATIONS) {
    if (version <= present) continue;
    await client.query(sql(quoted));
    await client.query(`insert into ${quoted}.migration (version, name) values ($1, $2)`, [version, name]);
  }
}

async function versionOf(pool: Pick<SqlPool, "query"> | SqlClient, quoted: string): Promise<number> {
  let version = 0;
  try {
    const { rows } = await pool.query(`select max(version) as version from ${quoted}.migration`);
    version = Number(rows[0]?.["version"] ?? 0);
  } catch (error) {
    const missing = codeOf(error);
    if (missing !== "42P01" && missing !== "3F000") throw error;
  }
  if (version <= SCHEMA_VERSION) return version;
  throw new TraceloadError(
    "store_schema",
    `the store's schema is version ${version}, this program knows versions up to ${SCHEMA_VERSION}`,
    { next: "upgrade traceload on this machine, or name another store with --store" },
  );
}
