/** From a store URL to what pg connects with, and to a name without credentials. */
import { Client, type ClientConfig } from "pg";
import { TraceloadError } from "../../core/errors.ts";
import { reasonOf } from "../sql/connection.ts";
import { QUEUE_SCHEMA } from "../sql/queue-schema.ts";

export interface PostgresAddress {
  /** For people: the URL without user, password and parameters. */
  name: string;
  config: ClientConfig;
}

/**
 * 0: never. A statement is given up by the server, and a server that says nothing any more by this side, a little later. Nothing
 * that is sent takes nearly as long; what is in the way is a lock, a frozen host, a connection that leads nowhere.
 */
const STATEMENT_TIMEOUT_MS = 30_000;
/** How much later than the server this side gives up. */
const GRACE_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;
const KEEP_ALIVE_AFTER_MS = 10_000;

/**
 * Everything that pg takes may stand in the URL: TLS (`sslmode`, `sslrootcert` …), `options`, a socket's directory as
 * `host`. What it leaves out comes from pg's environment (PGUSER, PGPASSWORD, PGPASSFILE …). Throws `config_invalid`,
 * which never repeats the URL.
 */
export function postgresAddress(
  url: string,
  { statementTimeoutMs = STATEMENT_TIMEOUT_MS }: { statementTimeoutMs?: number } = {},
): PostgresAddress {
  try {
    const config: ClientConfig = {
      ...COMMON,
      connectionString: withSettings(url, statementTimeoutMs),
      query_timeout: statementTimeoutMs + Math.min(GRACE_MS, statementTimeoutMs),
    };
    // Not connected: made to read the URL as pg reads it, certificates included.
    const { host, port, database = "" } = new Client(config);
    const place = host.startsWith("/")
      ? `${host} port ${port}`
      : `${host.includes(":") ? `[${host}]` : host}:${port}`;
    return { name: `postgres://${place}/${database}`, config };
  } catch (error) {
    // Node's own message about an invalid URL holds none of it; the error's other properties do.
    throw new TraceloadError(
      "config_invalid",
      `--store: the Postgres URL cannot be used: ${reasonOf(error)}`,
      {
        next: "postgres://user:password@host:5432/database; in user and password, write characters such as @ : / ? # % as %40 %3A %2F %3F %23 %25",
      },
    );
  }
}

const COMMON: ClientConfig = {
  fallback_application_name: "traceload",
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  keepAlive: true,
  keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
};

/**
 * Settings of the session go in `options`, the one place that poolers can be told to overlook. The URL's own come last,
 * and so hold.
 */
function withSettings(url: string, statementTimeoutMs: number): string {
  const own = new URL(url);
  const settings = [`-c search_path=${QUEUE_SCHEMA}`, `-c statement_timeout=${statementTimeoutMs}`];
  const given = own.searchParams.get("options");
  own.searchParams.set("options", [...settings, ...(given === null ? [] : [given])].join(" "));
  return own.href;
}
