/** A TCP proxy that a test can look into, and hold up: every chunk waits for the test's leave, in order. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface TcpProxy {
  readonly port: number;
  close(): Promise<void>;
}

export interface ProxyOptions {
  targetPort: number;
  /** What the client sends; it is passed on when this resolves. */
  onRequest?: (chunk: Buffer, connection: number) => void | Promise<void>;
  /** What the server answers; `passOn` writes it to the client, which is done anyway when this resolves. */
  onReply?: (chunk: Buffer, connection: number, passOn: () => void) => void | Promise<void>;
}

export async function startTcpProxy(options: ProxyOptions): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((client) => {
    const connection = ++connections;
    const upstream = connect(options.targetPort, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    inOrder(client, async (chunk) => {
      await options.onRequest?.(chunk, connection);
      upstream.write(chunk);
    });
    inOrder(upstream, async (chunk) => {
      let passed = false;
      const passOn = () => {
        if (!passed) client.write(chunk);
        passed = true;
      };
      await options.onReply?.(chunk, connection, passOn);
      passOn();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function inOrder(socket: Socket, act: (chunk: Buffer) => Promise<void>): void {
  let before = Promise.resolve();
  socket.on("data", (chunk: Buffer) => {
    before = before.then(() => act(chunk));
  });
}
