/**
 * Commands that are given to one connection in the same turn of the event loop leave in one write. A worker gets
 * answers for many rows at once and asks for as many again: a system call for each of them, and for Redis a read, an
 * answer and (with `appendfsync always`) a sync to disk, cost more than the commands themselves.
 *
 * ioredis can do so by itself (`enableAutoPipelining`), but 6.0.0 fails on scripts then.
 */
import type { Socket } from "node:net";
import type { Redis } from "ioredis";

/** From the next connection on: to be called before the client connects. */
export function sendOncePerTurn(client: Redis): void {
  client.on("connect", () => holdWrites(client.stream));
}

function holdWrites(socket: Socket): void {
  const write = socket.write.bind(socket);
  let held = false;
  const release = (): void => {
    held = false;
    socket.uncork();
  };
  socket.write = ((...args: Parameters<Socket["write"]>) => {
    if (!held) {
      held = true;
      socket.cork();
      setImmediate(release);
    }
    return write(...args);
  }) as Socket["write"];
}
