/**
 * A query on a Postgres server as a stream of bytes. It runs in a transaction that may only read, and is read by a
 * cursor: neither side holds more of the result than one fetch.
 */
import { Client, DatabaseError } from "pg";
import { TraceloadError } from "../../core/errors.ts";
import { describeFault } from "../../core/network-failure.ts";
import type { RemoteOptions } from "../../core/source.ts";
import { excerpt } from "../record.ts";
import type { Address } from "./address.ts";
import { resultLine } from "./result-text.ts";
import type { Secrets } from "./secrets.ts";
import { parameterize, type ParameterizedSql } from "./sql-parameters.ts";

export interface PostgresSource {
  address: Address;
  options: RemoteOptions & { query: string };
  /** What messages call the source. */
  name: string;
  secrets: Secrets;
}

const LONGEST_CONNECT_MS = 20_000;
/** About so much is fetched at a time, whatever the size of the rows. */
const FETCHED_CHARS = 256 * 1024;
const FIRST_ROWS = 50;
const MOST_ROWS = 2_000;
const DECLARE = "DECLARE traceload NO SCROLL CURSOR FOR ";

/** As the server writes it: numbers beyond 2^53, bytes and times come without loss. */
const AS_TEXT = { getTypeParser: () => (text: string) => text };

/** Throws `source_unreadable` where the connection fails, `source_refused` where the server says no. */
export async function* queryBytes(source: PostgresSource, signal: AbortSignal): AsyncGenerator<Buffer> {
  signal.throwIfAborted();
  const { address, options } = source;
  const sql = parameterize(options.query);
  const client = new Client({
    connectionString: address.url.href,
    connectionTimeoutMillis: Math.min(options.timeoutMs, LONGEST_CONNECT_MS),
    statement_timeout: options.timeoutMs,
    application_name: "traceload",
    keepAlive: true,
  });
  // A connection that is lost makes the query under way fail, too: it is told there.
  client.on("error", () => undefined);
  // The socket's end makes whatever is awaited fail; the server notices, or its statement times out.
  const stop = (): void => {
    void client.end().catch(() => undefined);
  };
  try {
    await told(source, sql, signal, () => client.connect());
    signal.addEventListener("abort", stop, { once: true });
    await told(source, sql, signal, () => begin(client, options, sql));
    yield* fetchAll(client, (act) => told(source, sql, signal, act));
  } finally {
    signal.removeEventListener("abort", stop);
    await client.end().catch(() => undefined);
  }
}

async function begin(client: Client, options: RemoteOptions, sql: ParameterizedSql): Promise<void> {
  await client.query("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
  // All of the result is read, so the plan need not favour its first rows. A time without a zone is UTC's.
  await client.query("SET LOCAL cursor_tuple_fraction = 1; SET LOCAL TimeZone = 'UTC'");
  const declare = {
    text: `${DECLARE}${sql.text}`,
    values: sql.parameters.map((name) => options[name]?.at ?? ""),
    // Of the other protocol a text may hold several statements, and one of them might end the transaction.
    queryMode: "extended",
  };
  await client.query(declare);
}

async function* fetchAll(
  client: Client,
  ask: <T>(act: () => Promise<T>) => Promise<T>,
): AsyncGenerator<Buffer> {
  let rowsAtOnce = FIRST_ROWS;
  for (let first = true; ; first = false) {
    const { rows, fields } = await ask(() =>
      client.query<(string | null)[]>({
        text: `FETCH ${rowsAtOnce} FROM traceload`,
        rowMode: "array",
        types: AS_TEXT,
      }),
    );
    let text = first ? resultLine(fields.map(({ name }) => name)) : "";
    for (const row of rows) text += resultLine(row);
    if (text !== "") yield Buffer.from(text, "utf8");
    if (rows.length < rowsAtOnce) return;
    const fitting = Math.floor((FETCHED_CHARS * rows.length) / text.length);
    rowsAtOnce = Math.max(1, Math.min(MOST_ROWS, fitting, rowsAtOnce * 4));
  }
}

async function told<T>(
  source: PostgresSource,
  sql: ParameterizedSql,
  signal: AbortSignal,
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof DatabaseError ? refusal(source, sql, error) : unreachable(source, error);
  }
}

const SHOWN_CHARS = 300;

/** Codes of PostgreSQL's Appendix A. */
const NEXT: Readonly<Record<string, string>> = {
  "57014": "Let the query read less at a time (--since, --until), or wait longer: --source-timeout 30m",
  "25006": "A source only reads: let the query be a SELECT without functions that write.",
  "28P01": "Check the password in the variable that the address comes from.",
  "42501": "Let the user read what the query reads: GRANT SELECT ON … TO …",
};

function refusal(
  { name, options, secrets }: PostgresSource,
  sql: ParameterizedSql,
  error: DatabaseError,
): TraceloadError {
  const { message, code = "", position, hint, detail } = error;
  const said = excerpt(secrets.redact(message), SHOWN_CHARS);
  const more = [detail, hint].flatMap((text) => (text === undefined ? [] : [secrets.redact(text)]));
  const next = [...more, NEXT[code] ?? ""].filter((line) => line !== "").join("\n");
  return new TraceloadError(
    "source_refused",
    `${name} refused the query: ${said} (${code})${placeOf(options.query, sql, position)}`,
    next === "" ? {} : { next },
  );
}

/** `position` counts characters of what was sent from 1. */
function placeOf(query: string, sql: ParameterizedSql, position: string | undefined): string {
  const index = indexOfCharacter(`${DECLARE}${sql.text}`, Number(position) - 1) - DECLARE.length;
  if (position === undefined || !(index >= 0)) return "";
  const before = query.slice(0, sql.writtenAt(index)).split(/\r\n|\n|\r/);
  const line = query.split(/\r\n|\n|\r/)[before.length - 1] ?? "";
  const column = Array.from(before.at(-1) ?? "").length + 1;
  return ` at line ${before.length}, column ${column} of the query: ${excerpt(line.trim())}`;
}

/** The server counts characters; a text here is of UTF-16 units. */
function indexOfCharacter(text: string, characters: number): number {
  let index = 0;
  for (let count = 0; count < characters && index < text.length; count += 1) {
    index += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  }
  return index;
}

function unreachable({ name, address, secrets }: PostgresSource, error: unknown): TraceloadError {
  const known = error instanceof Error && "code" in error ? describeFault(error) : undefined;
  const reason = known ?? (error instanceof Error ? error.message : String(error));
  return new TraceloadError("source_unreadable", `${name}: ${address.url.host}: ${secrets.redact(reason)}`, {
    next: "Check the address; then type the same command again.",
  });
}
