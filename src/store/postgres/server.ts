/** Which PostgreSQL this is, whether it can hold a store, and whether its settings keep what it is given. */
import { TraceloadError } from "../../core/errors.ts";
import type { SqlPool } from "../sql/connection.ts";
import { QUEUE_SCHEMA } from "../sql/queue-schema.ts";

const OLDEST = 14;

interface WantedSetting {
  name: string;
  bad: string;
  means: string;
  /** `user`: whom the store connects as. */
  mend: (user: string) => string;
}

const WANTED: readonly WantedSetting[] = [
  {
    name: "synchronous_commit",
    bad: "off",
    means:
      "a crash of PostgreSQL forgets up to its last second of what it acknowledged, and a row sent in that second may be sent again",
    mend: (user) => `psql -c 'ALTER ROLE "${user}" SET synchronous_commit = on'`,
  },
  {
    name: "fsync",
    bad: "off",
    means: "a crash of PostgreSQL's host may damage the store beyond repair",
    mend: () => "psql -c 'ALTER SYSTEM SET fsync = on' -c 'SELECT pg_reload_conf()'",
  },
];

/**
 * Answers what weakens a promise, one sentence each, with the command that mends it. Throws `store_unreachable` for a
 * server that is too old or takes no writes.
 */
export async function checkServer(pool: SqlPool, name: string): Promise<string[]> {
  const settings = WANTED.map((wanted) => `current_setting('${wanted.name}') as ${wanted.name}`);
  const { rows } = await pool.query(
    `select current_setting('server_version_num')::integer / 10000 as major, version(), current_user as user_name,
      pg_is_in_recovery() as standby, current_setting('transaction_read_only') as read_only, ${settings.join(", ")}`,
  );
  const server = rows[0] ?? {};
  if (Number(server["major"]) < OLDEST) {
    const version = String(server["version"]).split(",", 1)[0];
    throw new TraceloadError(
      "store_unreachable",
      `${name} is too old (${version}): PostgreSQL ${OLDEST} or later is needed`,
      {
        next: "upgrade it, or name another store with --store",
      },
    );
  }
  if (server["standby"] === true) {
    throw new TraceloadError("store_unreachable", `${name} is a standby, which takes no writes`, {
      next: "name the primary in --store or TRACELOAD_STORE",
    });
  }
  if (server["read_only"] === "on") {
    throw new TraceloadError(
      "store_unreachable",
      `${name} takes no writes (default_transaction_read_only is on)`,
      {
        next: `psql -c 'ALTER ROLE "${String(server["user_name"])}" SET default_transaction_read_only = off'`,
      },
    );
  }
  return WANTED.filter(({ name: setting, bad }) => server[setting] === bad).map(
    ({ name: setting, bad, means, mend }) =>
      `PostgreSQL's ${setting} is "${bad}": ${means}; mend it: ${mend(String(server["user_name"]))}`,
  );
}

/**
 * BullMQ's statements find its tables by the connection's `search_path`. Throws `config_invalid` where that did not
 * arrive: a pooler may have been told to overlook it. To be called once the tables are there.
 */
export async function requireSearchPath(pool: SqlPool, name: string): Promise<void> {
  const { rows } = await pool.query(
    `select to_regclass('job') = to_regclass('${QUEUE_SCHEMA}.job') as found,
      current_setting('search_path') as search_path, current_user as user_name`,
  );
  const [server = {}] = rows;
  if (server["found"] === true) return;
  throw new TraceloadError(
    "config_invalid",
    `${name}: connections have the search_path ${JSON.stringify(server["search_path"])} instead of "${QUEUE_SCHEMA}": a pooler between drops what traceload asks for`,
    { next: `psql -c 'ALTER ROLE "${String(server["user_name"])}" SET search_path = ${QUEUE_SCHEMA}'` },
  );
}
