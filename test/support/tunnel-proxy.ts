/** A proxy for TLS: what goes through it, it cannot read. */
import { connect, type Socket } from "node:net";
import { type RawRequest, type RawServer, startRawServer } from "./raw-server.ts";

/** A proxy that opens every tunnel it is asked for. */
export function startTunnelProxy(options: { tls?: boolean } = {}): Promise<RawServer> {
  const join = ({ head, socket }: RawRequest): void => {
    const port = Number(/^CONNECT localhost:(\d+) /u.exec(head)?.[1]);
    socket.removeAllListeners("data");
    const onward: Socket = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(onward).pipe(socket);
    });
    onward.on("error", () => socket.destroy());
    socket.on("close", () => onward.destroy());
  };
  return startRawServer(join, options);
}
