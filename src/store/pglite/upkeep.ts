/**
 * What a server's background processes would do, and nobody does for the embedded database: checkpoints, without
 * which the log is kept for ever and read again after a kill; and vacuuming, without which the tables of jobs grow by
 * every job that ever ran.
 */
import type { SqlPool } from "../sql/connection.ts";
import { DEFAULT_SCHEMA } from "../sql/migrations.ts";
import { QUEUE_SCHEMA } from "../sql/queue-schema.ts";

/** Tables whose rows die soon: all of BullMQ's, and of ours those that are updated again and again. */
const SHORT_LIVED = `n.nspname = '${QUEUE_SCHEMA}'
  or n.nspname = '${DEFAULT_SCHEMA}' and c.relname in ('lease', 'run', 'run_count', 'group_shard', 'limiter_sender')`;

/** A table is vacuumed when it has grown by so much since the last time: dead rows are then most of it. */
const GROWTH_BYTES = 16 * 1024 * 1024;
const LOG_BYTES = 16 * 1024 * 1024;

export interface Upkeep {
  /** Looks at the sizes, and does what is due. */
  run(): Promise<void>;
}

export function upkeepOf(pool: SqlPool): Upkeep {
  const sizes = new Map<string, number>();
  const measure = async () => {
    const { rows } = await pool.query(
      `select format('%I.%I', n.nspname, c.relname) as name, pg_total_relation_size(c.oid) as bytes
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and (${SHORT_LIVED})`,
    );
    return rows.map(({ name, bytes }) => ({ name: name as string, bytes: Number(bytes) }));
  };
  let checkpointAt = 0;
  const checkpoint = async () => {
    const { rows } = await pool.query("select pg_current_wal_lsn() - '0/0'::pg_lsn as bytes");
    const written = Number(rows[0]?.["bytes"]);
    if (written < checkpointAt + LOG_BYTES) return;
    await pool.query("checkpoint");
    checkpointAt = written;
  };
  return {
    async run() {
      await checkpoint();
      const grown = (await measure()).filter(
        ({ name, bytes }) => bytes > (sizes.get(name) ?? 0) + GROWTH_BYTES,
      );
      for (const { name } of grown) await pool.query(`vacuum ${name}`);
      if (grown.length === 0) return;
      for (const { name, bytes } of await measure()) {
        if (grown.some((table) => table.name === name)) sizes.set(name, bytes);
      }
    },
  };
}
