/**
 * The pool that SQL goes through, and what becomes of its faults: some are waited out, the others end the call with
 * an error that says what to do.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { TraceloadError } from "../../core/errors.ts";

export interface SqlResult {
  rows: Record<string, unknown>[];
  rowCount: number | null;
}

export interface SqlClient {
  query(text: string, params?: readonly unknown[]): Promise<SqlResult>;
  release(destroy?: boolean): void;
}

/** What is used of a `pg.Pool`. */
export interface SqlPool {
  query(text: string, params?: unknown[]): Promise<SqlResult>;
  connect(): Promise<SqlClient>;
}

/** Sends statements until they are answered or the store is closed. */
export interface Statements {
  /** As `run`, with all that was answered. */
  query(text: string, params: readonly unknown[]): Promise<SqlResult>;
  /** One statement, atomic in itself. It may be sent again after a lost answer, so it must bear repeating. */
  run(text: string, params: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Refuses new statements, and rejects those that wait for the store to come back. */
  close(): void;
}

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 2_000;

export interface StatementsOptions {
  pool: Pick<SqlPool, "query">;
  storeName: string;
  /** Told, as `store_unreachable`, each time that a statement found the store out of reach, and is tried again. */
  onAway?: (fault: TraceloadError) => void;
}

export function openStatements({ pool, storeName, onAway }: StatementsOptions): Statements {
  const closing = new AbortController();
  const closed = () => new TraceloadError("store_unreachable", `the store ${storeName} is closed`);
  const query = async (text: string, params: readonly unknown[]): Promise<SqlResult> => {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      if (closing.signal.aborted) throw closed();
      try {
        return await pool.query(text, [...params]);
      } catch (error) {
        if (!mayPass(error)) throw storeFault(error, storeName);
        if (!isConflict(error)) onAway?.(awayFault(error, storeName));
      }
      await sleep(pauseMs, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  };
  return {
    query,
    run: async (text, params) => (await query(text, params)).rows,
    close() {
      closing.abort();
    },
  };
}

/**
 * Classes and codes of PostgreSQL's Appendix A, and the names of Node's socket errors. A statement that took too long is
 * canceled (57014); a primary that was replaced refuses writes (25006) until the connection leads to its successor.
 */
const PASSING_CODES = /^(?:08|40001|40P01|25006|53300|57014|57P0[1235]|55P03)/;
const CONFLICT_CODES = /^(?:40001|40P01)/;
const SOCKET_CODES =
  /^(?:ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;
/** What pg says without a code. */
const LOST_CONNECTION =
  /connection terminated|connection ended|connection error and is not queryable|was closed and is not queryable|timeout exceeded when trying to connect|query read timeout/i;

/** Whether the same statement may be answered if it is only sent again. */
export function mayPass(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== undefined) return PASSING_CODES.test(code) || SOCKET_CODES.test(code);
  return error instanceof Error && LOST_CONNECTION.test(error.message);
}

/** Two transactions were in each other's way: nobody's absence. */
function isConflict(error: unknown): boolean {
  return CONFLICT_CODES.test(codeOf(error) ?? "");
}

function awayFault(error: unknown, storeName: string): TraceloadError {
  return new TraceloadError(
    "store_unreachable",
    `the store ${storeName} cannot be reached: ${reasonOf(error)}`,
    {
      cause: error,
    },
  );
}

/** A connection that was tried at several addresses says why in the faults that it holds. */
export function reasonOf(error: unknown): string {
  const nested: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return nested instanceof Error ? nested.message : String(nested);
}

/** Names a fault that does not pass. What is none of the store's known faults stays as it is. */
export function storeFault(error: unknown, storeName: string): unknown {
  if (error instanceof TraceloadError) return error;
  const code = codeOf(error);
  const text = error instanceof Error ? error.message : String(error);
  if (code === "53100" || code === "ENOSPC" || /no space left on device/i.test(text)) {
    return new TraceloadError("store_full", `the store ${storeName} has no space left: ${text}`, {
      next: "free some disk space, then type the same command again",
      cause: error,
    });
  }
  if (code === "XX001" || code === "XX002") {
    return new TraceloadError("store_damaged", `the store ${storeName} is damaged: ${text}`, {
      next: "restore it from a backup, or move it away and start with an empty one",
      cause: error,
    });
  }
  if (code !== undefined && REFUSALS.test(code)) {
    return new TraceloadError("store_unreachable", `the store ${storeName} refuses this user: ${text}`, {
      next: "check user, password and database in --store or TRACELOAD_STORE, and what the user is allowed (docs/guide/postgres.md)",
      cause: error,
    });
  }
  return error;
}

/** Of the user and its password, of a database that is not there, of what the user may not do. */
const REFUSALS = /^(?:28|3D000|42501)/;

export function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
