/**
 * Connections to the API, one request at a time on each. A call takes a lane that is free, or a new one: nothing ever
 * queues between the decision to send and the sending.
 */
import type { Socket } from "node:net";
import { type buildConnector, Client } from "undici";
import type { Dial, Dialed } from "./dial.ts";

/**
 * Idle connections are closed after this. Servers that close first make requests end in an unknown state; of those in
 * wide use, gunicorn is the quickest, with 2 s.
 */
export const DEFAULT_KEEP_ALIVE_MS = 1500;
/** What a server's own `Keep-Alive: timeout=` is cut by, for the time its close takes to get here. */
const KEEP_ALIVE_MARGIN_MS = 500;
const MAX_HEADER_BYTES = 32 * 1024;

export interface LaneOptions {
  /** The host that requests are written to: the API's, or that of a forwarding proxy. */
  origin: string;
  dial: Dial;
  keepAliveMs: number;
  /** How many free lanes are kept. */
  keep: number;
}

export interface Lane {
  readonly client: Pick<Client, "dispatch">;
  /** Gives the lane back, unused or after a complete answer. */
  release(): void;
  /** Ends the lane and its connection, which is reset: the kernel must not go on delivering what it still holds. */
  discard(): void;
}

export interface Lanes {
  /** `undefined` once closed. */
  take(): Lane | undefined;
  /** Waits for the requests in flight, then closes all connections. */
  close(): Promise<void>;
}

export function createLanes(options: LaneOptions): Lanes {
  // Last in, first out: few connections stay warm at a low rate, instead of many that are about to be closed.
  const free: Lane[] = [];
  const all = new Set<Client>();
  let closed = false;

  const open = (): Lane => {
    const dialing = new AbortController();
    let wire: Socket | undefined;
    const connect = async (callback: buildConnector.Callback): Promise<void> => {
      let dialed: Dialed;
      try {
        dialed = await options.dial(dialing.signal);
      } catch (error) {
        callback(error instanceof Error ? error : new Error(String(error)), null);
        return;
      }
      wire = dialed.wire;
      callback(null, dialed.socket);
    };
    const client = new Client(options.origin, {
      // Never more than one request on a connection: undici sends those behind a failed one again by itself.
      pipelining: 1,
      allowH2: false,
      useMilo: false,
      keepAliveTimeout: options.keepAliveMs,
      keepAliveMaxTimeout: options.keepAliveMs,
      keepAliveTimeoutThreshold: KEEP_ALIVE_MARGIN_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      // One timer for the whole call stands in for these.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_options, callback) => void connect(callback),
    });
    all.add(client);
    const retire = (): void => {
      all.delete(client);
      client.destroy().catch(() => {});
    };
    const lane: Lane = {
      client,
      release: () => {
        if (closed) return;
        if (free.length < options.keep) free.push(lane);
        else retire();
      },
      discard: () => {
        dialing.abort();
        wire?.resetAndDestroy();
        retire();
      },
    };
    return lane;
  };

  return {
    take: () => (closed ? undefined : (free.pop() ?? open())),
    close: async () => {
      closed = true;
      free.length = 0;
      await Promise.all([...all].map((client) => client.close().catch(() => {})));
    },
  };
}
