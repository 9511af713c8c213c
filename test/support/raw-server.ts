/** A server on bare sockets, for everything that a well-behaved HTTP server would not do. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { onTestFinished } from "vitest";
import { LOCALHOST_CERT, LOCALHOST_KEY } from "./localhost-certificate.ts";

export interface RawRequest {
  /** Request line and header lines. */
  head: string;
  body: string;
  /** 1 for the server's first connection. */
  connection: number;
  socket: Socket;
}

export interface RawServer {
  port: number;
  /** All that arrived complete, in order. */
  requests: RawRequest[];
  sockets: Socket[];
  /** All bytes that ever arrived, of incomplete requests, too. */
  bytes: number;
  /** Codes of the errors that ended connections: ECONNRESET tells a reset from a mere close. */
  errors: string[];
}

export interface RawServerOptions {
  tls?: boolean;
  onConnect?: (socket: Socket) => void;
}

/** Closes itself, and whatever is connected, when the test is over. */
export async function startRawServer(
  answer: (request: RawRequest) => void,
  options: RawServerOptions = {},
): Promise<RawServer> {
  const raw: RawServer = { port: 0, requests: [], sockets: [], bytes: 0, errors: [] };
  const serve = (socket: Socket): void => {
    const connection = raw.sockets.push(socket);
    socket.on("error", (error: NodeJS.ErrnoException) => raw.errors.push(error.code ?? error.message));
    let pending = "";
    socket.on("data", (chunk: Buffer) => {
      raw.bytes += chunk.length;
      pending += chunk.toString("latin1");
      for (let request = firstRequest(pending); request !== undefined; request = firstRequest(pending)) {
        pending = pending.slice(request.length);
        const received: RawRequest = { head: request.head, body: request.body, connection, socket };
        raw.requests.push(received);
        answer(received);
      }
    });
    options.onConnect?.(socket);
  };
  const server: Server =
    options.tls === true
      ? createTlsServer({ cert: LOCALHOST_CERT, key: LOCALHOST_KEY }, serve)
      : createServer(serve);
  if (options.tls === true) server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  raw.port = (server.address() as AddressInfo).port;
  onTestFinished(async () => {
    for (const socket of raw.sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  return raw;
}

function firstRequest(text: string): { head: string; body: string; length: number } | undefined {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = text.slice(0, headEnd);
  const bodyLength = Number(/^content-length: *(\d+)/imu.exec(head)?.[1] ?? 0);
  const length = headEnd + 4 + bodyLength;
  return text.length < length ? undefined : { head, body: text.slice(headEnd + 4, length), length };
}

/** An HTTP/1.1 answer with its length; further header lines as given. */
export function httpAnswer(
  status: number,
  body: string | Buffer = "",
  headers: readonly string[] = [],
): Buffer {
  const lines = [`HTTP/1.1 ${status} Status`, `content-length: ${Buffer.byteLength(body)}`, ...headers];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), Buffer.from(body)]);
}

/** The confirmation of a row, as the API writes it. */
export const ADDED_BODY = JSON.stringify({ success: true, draft_dataset_id: 789, mode: "trace" });
