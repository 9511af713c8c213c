/**
 * A pool for BullMQ's PostgreSQL backend, in the shape of `pg.Pool`, over the store's own.
 *
 * BullMQ borrows a client for each worker and keeps it, to listen on: with as many runs as a pool has connections,
 * nothing would be left to work with. And what it asks once when a queue is opened, it never asks again: opened while
 * the server is away, the queue would stay unusable. So what it borrows here is no connection until it listens, and
 * what it asks a client waits for the server.
 */
import { EventEmitter } from "node:events";
import type { Client } from "pg";
import type { SqlResult } from "../sql/connection.ts";

export interface QueuePoolOptions {
  /** Statements of queues and workers. */
  query: Query;
  /** Statements of what BullMQ borrows as a client; waits while the server is away. */
  queryPatiently: Query;
  /** Connects a client of its own to listen with; waits while the server is away, until the signal aborts. */
  listener: (signal: AbortSignal) => Promise<Client>;
}

type Query = (text: string, params: readonly unknown[]) => Promise<SqlResult>;

export class QueuePool {
  /** What BullMQ reads: a lost listening connection is noticed. */
  readonly options = { keepAlive: true };
  readonly #options: QueuePoolOptions;

  constructor(options: QueuePoolOptions) {
    this.#options = options;
  }

  /**
   * The faults of idle connections are told by the pool beneath. Listeners are not kept, since each of BullMQ's queues
   * and workers adds one and takes none away, and the pool outlives them all.
   */
  on(_event: string, _listener: (...values: unknown[]) => void): this {
    return this;
  }

  removeAllListeners(): this {
    return this;
  }

  query(text: string, params: readonly unknown[] = []): Promise<SqlResult> {
    return this.#options.query(text, params);
  }

  async connect(): Promise<QueueClient> {
    return new QueueClient(this.#options);
  }

  /** Whoever made the pool beneath ends it. */
  async end(): Promise<void> {}
}

/** BullMQ's statements begin with comments. */
const LISTENS = /(?:^|\n)\s*(?:un)?listen\b/i;
/** How workers are told from each other in the server's list of connections: not by those of a shared pool. */
const NAMES_ITSELF = /set_config\('application_name'/i;
const NOTHING: SqlResult = { rows: [], rowCount: 0 };

/** What BullMQ borrows. It becomes a connection with its first LISTEN. */
class QueueClient extends EventEmitter {
  readonly #options: QueuePoolOptions;
  readonly #released = new AbortController();
  #listener: Promise<Client> | undefined;

  constructor(options: QueuePoolOptions) {
    super();
    this.#options = options;
  }

  async query(text: string, params: readonly unknown[] = []): Promise<SqlResult> {
    if (NAMES_ITSELF.test(text)) return NOTHING;
    if (!LISTENS.test(text)) return this.#options.queryPatiently(text, params);
    this.#listener ??= this.#listen();
    return (await this.#listener).query(text);
  }

  release(): void {
    this.removeAllListeners();
    this.#released.abort();
    void this.#listener?.then((client) => client.end()).catch(() => undefined);
  }

  end(): Promise<void> {
    this.release();
    return Promise.resolve();
  }

  async #listen(): Promise<Client> {
    const client = await this.#options.listener(this.#released.signal);
    client.on("notification", (notification) => this.emit("notification", notification));
    let lost = false;
    const lose = (error: Error): void => {
      // Told once, and to nobody after the release: an error that nobody listens for would end the process.
      if (lost || this.listenerCount("error") === 0) return;
      lost = true;
      this.emit("error", error);
    };
    client.on("error", lose);
    client.on("end", () => lose(new Error("Connection terminated")));
    return client;
  }
}
