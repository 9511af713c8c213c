/**
 * A TCP proxy that a test can look into, hold up, cut and freeze: every chunk waits for the test's leave, in order.
 */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface TcpProxy {
  readonly port: number;
  /**
   * Leaves the connections of now half open: nothing passes any more, in either direction, not even their end, and
   * neither side is told. Later connections pass. Answers how many there were.
   */
  freeze(): number;
  close(): Promise<void>;
}

/** Passes only so many bytes of the chunk, then ends the connection on both sides. */
export interface Cut {
  bytes: number;
  end: "close" | "reset";
}

export interface ProxyOptions {
  targetPort: number;
  /** What the client sends; it is passed on when this resolves. */
  onRequest?: (chunk: Buffer, connection: number) => Leave | Promise<Leave>;
  /** What the server answers; `passOn` writes it to the client, which is done anyway when this resolves. */
  onReply?: (chunk: Buffer, connection: number, passOn: () => void) => Leave | Promise<Leave>;
}

/** Pass it all, or cut it off. */
export type Leave = Cut | void;

interface Pair {
  client: Socket;
  upstream: Socket;
  frozen: boolean;
}

export async function startTcpProxy(options: ProxyOptions): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  let connections = 0;
  const server = createServer((client) => {
    const connection = ++connections;
    const upstream = connect(options.targetPort, "127.0.0.1");
    const pair: Pair = { client, upstream, frozen: false };
    pairs.add(pair);
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
    }
    const requests = inOrder(client, async (chunk) => {
      const cut = await options.onRequest?.(chunk, connection);
      if (pair.frozen) return;
      upstream.write(cut === undefined ? chunk : chunk.subarray(0, cut.bytes));
      if (cut !== undefined) endPair(pair, cut.end);
    });
    const replies = inOrder(upstream, async (chunk) => {
      let passed = false;
      const passOn = () => {
        if (!passed && !pair.frozen) client.write(chunk);
        passed = true;
      };
      const cut = await options.onReply?.(chunk, connection, passOn);
      if (cut === undefined) return passOn();
      if (pair.frozen) return;
      client.write(chunk.subarray(0, cut.bytes));
      endPair(pair, cut.end);
    });
    const endOf = (socket: Socket, all: () => Promise<void>) =>
      socket.on("close", () => {
        // What came before the end is passed on before it.
        void all().then(() => {
          if (!pair.frozen) endPair(pair, "close");
          if (client.destroyed && upstream.destroyed) pairs.delete(pair);
        });
      });
    endOf(client, requests);
    endOf(upstream, replies);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    freeze: () => {
      const open = [...pairs].filter(({ frozen, client }) => !frozen && !client.destroyed);
      for (const pair of open) pair.frozen = true;
      return open.length;
    },
    close: async () => {
      for (const { client, upstream } of pairs) {
        client.destroy();
        upstream.destroy();
      }
      server.close();
      await once(server, "close");
    },
  };
}

/** What was written before still goes out, unless it is a reset. */
function endPair({ client, upstream }: Pair, how: Cut["end"]): void {
  for (const socket of [client, upstream]) {
    if (how === "reset") socket.resetAndDestroy();
    else socket.destroySoon();
  }
}

/** Answers when all that has come is dealt with. */
function inOrder(socket: Socket, act: (chunk: Buffer) => Promise<void>): () => Promise<void> {
  let before = Promise.resolve();
  socket.on("data", (chunk: Buffer) => {
    before = before.then(() => act(chunk));
  });
  return () => before;
}
