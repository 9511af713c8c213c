/**
 * A pool in the shape of `pg.Pool` over one PGlite: all its clients share the one session that there is. A client that
 * is in a transaction has the session to itself until the transaction ends; notifications go to the clients that
 * listen. PGlite computes on the calling thread, so the event loop is given way to between statements.
 */
import { EventEmitter } from "node:events";
import type { PGlite } from "@electric-sql/pglite";
import { TraceloadError } from "../../core/errors.ts";
import { storeFault, type SqlResult } from "../sql/connection.ts";
import { decodeReply, encodeQuery, type Notification, type Reply } from "./messages.ts";

/** How long statements may follow each other before timers and sockets get their turn. */
const SLICE_MS = 4;
/** Statements kept prepared; texts that come later are parsed each time. */
const MAX_PREPARED = 500;

interface Request {
  client: EmbeddedClient | undefined;
  text: string;
  params: readonly unknown[];
  resolve: (result: SqlResult) => void;
  reject: (reason: unknown) => void;
}

type QueryText = string | { text: string; values?: readonly unknown[] };

/** What PGlite's `exec` and friends are not used for: one request on the wire, answered in one go. */
export class EmbeddedPool {
  readonly options = { max: 1, keepAlive: true };
  readonly #db: PGlite;
  readonly #name: string;
  readonly #listening = new Map<EmbeddedClient, Set<string>>();
  readonly #prepared = new Map<string, string>();
  #statementsNamed = 0;
  #waiting: Request[] = [];
  #holder: EmbeddedClient | undefined;
  #working = false;
  #ended = false;
  #broken: unknown;

  /** `name` stands in the messages of faults. */
  constructor(db: PGlite, name: string) {
    this.#db = db;
    this.#name = name;
  }

  /**
   * Has no events: no idle connection can be lost here. Listeners are not kept, since each of BullMQ's queues and
   * workers adds one and takes none away, and the pool outlives them all.
   */
  on(_event: string, _listener: (...values: unknown[]) => void): this {
    return this;
  }

  /**
   * Whether the database has given up (PostgreSQL's PANIC, for example at a full disk). PGlite would then spin for
   * ever on the next statement and on closing; opening the directory anew recovers what was acknowledged.
   */
  get broken(): boolean {
    return this.#broken !== undefined;
  }

  query(text: QueryText, params?: readonly unknown[]): Promise<SqlResult> {
    return this.request(undefined, text, params);
  }

  async connect(): Promise<EmbeddedClient> {
    if (this.#ended) throw new Error("the pool has ended");
    return new EmbeddedClient(this);
  }

  /** Refuses new statements and resolves when those under way are answered. The database stays open. */
  async end(): Promise<void> {
    this.#ended = true;
    while (this.#working) await nextTurn();
  }

  /** For clients: waits for the session and sends one request. */
  request(
    client: EmbeddedClient | undefined,
    text: QueryText,
    params?: readonly unknown[],
  ): Promise<SqlResult> {
    const query = typeof text === "string" ? { text, values: params } : text;
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(new Error("the pool has ended"));
        return;
      }
      this.#waiting.push({ client, text: query.text, params: query.values ?? params ?? [], resolve, reject });
      if (this.#working) return;
      this.#working = true;
      void this.#work();
    });
  }

  /** For clients: a client that is given back in the middle of a transaction leaves nothing of it. */
  async leave(client: EmbeddedClient): Promise<void> {
    this.#listening.delete(client);
    if (this.#holder === client && !this.#ended) await this.request(client, "rollback");
  }

  async #work(): Promise<void> {
    let sliceEnd = performance.now() + SLICE_MS;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      await this.#answer(next);
      if (performance.now() < sliceEnd) continue;
      await nextTurn();
      sliceEnd = performance.now() + SLICE_MS;
    }
    // Even a caller that asks again at every answer must not keep timers from firing.
    await nextTurn();
    if (this.#next() === undefined) this.#working = false;
    else void this.#work();
  }

  #next(): Request | undefined {
    const holder = this.#holder;
    return holder === undefined ? this.#waiting[0] : this.#waiting.find(({ client }) => client === holder);
  }

  async #answer(request: Request): Promise<void> {
    this.#waiting.splice(this.#waiting.indexOf(request), 1);
    if (this.broken) {
      request.reject(this.#broken);
      return;
    }
    try {
      const reply = await this.#send(request);
      if (reply.sessionOver) {
        this.#broken = gaveUp(storeFault(reply.error, this.#name), this.#name);
        this.#holder = undefined;
        request.reject(this.#broken);
        return;
      }
      this.#holder = reply.transaction === "none" ? undefined : request.client;
      if (reply.transaction !== "none" && request.client === undefined) {
        await this.#exchange(encodeQuery("rollback", [], UNNAMED));
        throw new Error("a transaction needs a client of its own: use connect()");
      }
      if (reply.error === undefined) {
        this.#noteListening(request);
        request.resolve(reply.result);
      } else {
        request.reject(storeFault(reply.error, this.#name));
      }
      for (const notification of reply.notifications) this.#notify(notification);
    } catch (error) {
      request.reject(storeFault(error, this.#name));
    }
  }

  async #send({ text, params }: Request): Promise<Reply> {
    if (params.length === 0) return this.#exchange(encodeQuery(text, params, UNNAMED));
    const known = this.#prepared.get(text);
    if (known !== undefined) return this.#exchange(encodeQuery(text, params, { name: known, parsed: true }));
    if (this.#prepared.size >= MAX_PREPARED) return this.#exchange(encodeQuery(text, params, UNNAMED));
    this.#statementsNamed += 1;
    const name = `s${this.#statementsNamed}`;
    const reply = await this.#exchange(encodeQuery(text, params, { name, parsed: false }));
    if (reply.error === undefined) this.#prepared.set(text, name);
    else if (!reply.sessionOver) await this.#exchange(encodeQuery(`deallocate ${name}`, [], UNNAMED));
    return reply;
  }

  async #exchange(bytes: Uint8Array): Promise<Reply> {
    const chunks: Uint8Array[] = [];
    await this.#db.runExclusive(() =>
      this.#db.execProtocolRawStream(bytes, {
        // Node's file system is written through: there is nothing to sync.
        syncToFs: false,
        // The bytes are a view of memory that the next write reuses.
        onRawData: (data) => chunks.push(data.slice()),
      }),
    );
    return decodeReply(chunks);
  }

  #noteListening({ client, text }: Request): void {
    if (client === undefined) return;
    // BullMQ's statements begin with comments.
    const command = /(?:^|\n)\s*(un)?listen\s+"?(\w+|\*)"?/i.exec(text);
    const channel = command?.[2];
    if (channel === undefined) return;
    const channels = this.#listening.get(client) ?? new Set<string>();
    this.#listening.set(client, channels);
    if (command?.[1] === undefined) channels.add(channel);
    else if (channel === "*") channels.clear();
    else channels.delete(channel);
  }

  #notify(notification: Notification): void {
    for (const [client, channels] of this.#listening) {
      if (channels.has(notification.channel)) setImmediate(() => client.emit("notification", notification));
    }
  }
}

/** One borrower of the session. */
export class EmbeddedClient extends EventEmitter {
  readonly #pool: EmbeddedPool;

  constructor(pool: EmbeddedPool) {
    super();
    this.#pool = pool;
  }

  query(text: QueryText, params?: readonly unknown[]): Promise<SqlResult> {
    return this.#pool.request(this, text, params);
  }

  release(): void {
    this.removeAllListeners();
    void this.#pool.leave(this).catch(() => undefined);
  }

  end(): Promise<void> {
    this.release();
    return Promise.resolve();
  }
}

/** `store_unreachable`, whatever made it give up: callers wait for room, and here no room would help any more. */
function gaveUp(fault: unknown, name: string): TraceloadError {
  const known = fault instanceof TraceloadError ? fault : undefined;
  const reason = known?.message ?? `the store ${name} has given up: ${String(fault)}`;
  return new TraceloadError("store_unreachable", reason, {
    next: known?.next ?? "type the same command again: opening the store anew recovers what it acknowledged",
    cause: fault,
  });
}

const UNNAMED = { name: "", parsed: false };

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
