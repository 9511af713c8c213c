/** BullMQ's own tables and functions beside ours. The one place of the stores that names BullMQ. */
import { assertSchemaCompatibility, LATEST_SCHEMA_VERSION, type PgQueryable, runMigrations } from "bullmq";
import { codeOf, type SqlPool } from "./connection.ts";

/**
 * The schema that BullMQ's functions and tables live in, and look each other up in: connections have it as their
 * `search_path`. On a pool that it is given, BullMQ knows no other.
 */
export const QUEUE_SCHEMA = "bullmq";

/**
 * Brings BullMQ's schema to its present version; nothing happens when it is there. Safe beside other processes that do
 * the same: BullMQ takes a lock of its own.
 */
export async function migrateQueues(pool: SqlPool): Promise<void> {
  const client = await pool.connect();
  let failed = true;
  try {
    const queryable = client as PgQueryable;
    // Migrating locks a table and wants to be allowed to make schemas, also where there is nothing to do.
    if ((await versionOf(queryable)) < LATEST_SCHEMA_VERSION) await runMigrations(queryable, QUEUE_SCHEMA);
    failed = false;
  } finally {
    client.release(failed);
  }
}

/** 0: there is none. */
async function versionOf(client: PgQueryable): Promise<number> {
  try {
    return await assertSchemaCompatibility(client, QUEUE_SCHEMA);
  } catch (error) {
    if (
      codeOf(error) === "3F000" ||
      (error instanceof Error && error.name === "SchemaMigrationRequiredError")
    )
      return 0;
    throw error;
  }
}
