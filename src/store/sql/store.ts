/** The store port on SQL: the same statements on an embedded database and on a PostgreSQL server (14 or newer). */
import type { Store, StoreFacts } from "../../core/store.ts";
import { openStatements, type SqlPool, type StatementsOptions } from "./connection.ts";
import { sqlEntries } from "./entries.ts";
import { sqlGroups } from "./groups.ts";
import { sqlLeases } from "./leases.ts";
import { sqlSending } from "./ledger.ts";
import { sqlLimiter } from "./limiter.ts";
import { DEFAULT_SCHEMA, migrate, quoteSchema } from "./migrations.ts";
import { sqlRows } from "./rows.ts";
import { clearRemovedRuns, sqlRuns } from "./runs.ts";
import { sqlSyncs } from "./syncs.ts";

export interface SqlStoreOptions {
  /** Stays the caller's: closing the store does not end it. */
  pool: SqlPool;
  facts: StoreFacts;
  /** The schema that everything lives in; `traceload` by default. Created when it is missing. */
  schema?: string;
  /** Told each time that a statement found the store out of reach, and is tried again. */
  onAway?: StatementsOptions["onAway"];
}

/**
 * Brings the schema up to date and answers the store. Throws `store_schema` when the schema is newer than this
 * program, and what the pool throws when the database cannot be reached.
 */
export async function openSqlStore(options: SqlStoreOptions): Promise<Store> {
  const { pool, facts, schema: schemaName = DEFAULT_SCHEMA, onAway } = options;
  await migrate(pool, schemaName);
  const schema = quoteSchema(schemaName);
  const statements = openStatements({
    pool,
    storeName: facts.name,
    ...(onAway === undefined ? {} : { onAway }),
  });
  await statements.run(`select ${schema}.forget_senders()`, []);
  await clearRemovedRuns(statements, schema);
  return {
    facts,
    ...sqlLeases(statements, schema),
    ...sqlRuns(statements, schema),
    ...sqlRows(statements, schema),
    ...sqlSending(statements, schema),
    ...sqlEntries(statements, schema),
    ...sqlGroups(statements, schema),
    ...sqlLimiter(statements, schema),
    ...sqlSyncs(statements, schema),
    async now() {
      const rows = await statements.run(`select ${schema}.now_ms() as now`, []);
      return Number(rows[0]?.["now"]);
    },
    async close() {
      statements.close();
    },
  };
}
