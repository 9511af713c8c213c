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
  /** One statement, atomic in itself. It may be sent again after a lost answer, so it must bear repeating. */
  run(text: string, params: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Refuses new statements, and rejects those that wait for the store to come back. */
  close(): void;
}

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 2_000;

export function openStatements(pool: SqlPool, storeName: string): Statements {
  const closing = new AbortController();
  const closed = () => new TraceloadError("store_unreachable", `the store ${storeName} is closed`);
  return {
    async run(text, params) {
      for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
        if (closing.signal.aborted) throw closed();
        try {
          return (await pool.query(text, [...params])).rows;
        } catch (error) {
          if (!mayPass(error)) throw storeFault(error, storeName);
        }
        await sleep(pauseMs, undefined, { signal: closing.signal }).catch(() => undefined);
      }
    },
    close() {
      closing.abort();
    },
  };
}

/** Classes and codes of PostgreSQL's Appendix A, and the names of Node's socket errors. */
const PASSING_CODES = /^(?:08|40001|40P01|53300|57P0[123]|55P03)/;
const SOCKET_CODES =
  /^(?:ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;
const LOST_CONNECTION = /connection terminated|connection ended|timeout exceeded when trying to connect/i;

function mayPass(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== undefined) return PASSING_CODES.test(code) || SOCKET_CODES.test(code);
  return error instanceof Error && LOST_CONNECTION.test(error.message);
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
  return error;
}

export function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
