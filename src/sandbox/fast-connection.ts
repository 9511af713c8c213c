/**
 * Serves plain add-trace requests straight from the socket, at a third of node:http's cost: in a benchmark the
 * stand-in must not be what is measured. Whatever is not plain (another path, a chunked or large body, a header out
 * of the ordinary) is handed to node:http, together with the connection, before anything of it was consumed.
 */
import { type Server as HttpServer, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { type Answer, headersOf } from "./answers.ts";
import { BODY_LIMIT_BYTES } from "./body.ts";
import type { Exchange } from "./exchange.ts";

export interface FastConnectionParts {
  /** The request line's method and target. */
  path: string;
  /** Takes over what is not plain. */
  fallback: HttpServer;
  handle: (exchange: Exchange, body: string) => void;
  keepAliveMs: number;
  /** Whether the connection ends with the next answer. */
  lastAnswer: () => boolean;
}

interface Head {
  bodyBytes: number;
  apiKey: string | undefined;
  contentType: string | undefined;
}

const HEAD_END = "\r\n\r\n";
/** Headers that change how a request is read or answered. */
const NOT_PLAIN = new Set(["transfer-encoding", "expect", "upgrade", "content-encoding", "trailer"]);

export function serveFast(socket: Socket, parts: FastConnectionParts): void {
  const requestLine = `POST ${parts.path} HTTP/1.1\r\n`;
  let waiting: Buffer | undefined;
  let busy = false;
  // A caller repeats its head from request to request, length included.
  let lastHeadText = "";
  let lastHead: Head | undefined;

  socket.setTimeout(parts.keepAliveMs, () => {
    if (!busy) socket.destroy();
  });
  socket.on("error", ignore);
  socket.on("data", onData);

  function onData(chunk: Buffer): void {
    waiting = waiting === undefined ? chunk : Buffer.concat([waiting, chunk]);
    if (!busy) serveNext();
  }

  function serveNext(): void {
    if (waiting === undefined) return;
    const text = waiting.toString("latin1", 0, 16_384);
    const headBytes = text.indexOf(HEAD_END) + HEAD_END.length;
    if (headBytes < HEAD_END.length || !text.startsWith(requestLine)) return handOver();
    const headText = text.slice(requestLine.length, headBytes - 2);
    if (headText !== lastHeadText) {
      lastHead = parseHead(headText);
      lastHeadText = headText;
    }
    if (lastHead === undefined) return handOver();
    const end = headBytes + lastHead.bodyBytes;
    if (waiting.length < end) return;
    const body = waiting.toString("utf8", headBytes, end);
    waiting = waiting.length === end ? undefined : waiting.subarray(end);
    busy = true;
    parts.handle(exchange(lastHead), body);
  }

  function handOver(): void {
    const rest = waiting;
    waiting = undefined;
    socket.removeListener("data", onData);
    socket.removeListener("error", ignore);
    socket.setTimeout(0);
    parts.fallback.emit("connection", socket);
    if (rest !== undefined) socket.unshift(rest);
  }

  function exchange({ apiKey, contentType }: Head): Exchange {
    return {
      apiKey,
      contentType,
      send: (answer) => {
        const last = parts.lastAnswer();
        const text = responseText(answer, last ? "close" : `keep-alive\r\nKeep-Alive: ${keepAlive}`);
        if (last) {
          socket.end(text);
          return;
        }
        socket.write(text);
        busy = false;
        if (waiting !== undefined) serveNext();
      },
      sendHalf: (answer) => {
        const text = responseText(answer, "close");
        socket.write(text.slice(0, text.length - Math.ceil(answer.body.length / 2)), () => socket.destroy());
      },
      cut: (reset) => {
        if (reset) socket.resetAndDestroy();
        else socket.destroy();
      },
    };
  }

  const keepAlive = `timeout=${Math.ceil(parts.keepAliveMs / 1000)}`;
}

/** Undefined for a head that is not plain. */
function parseHead(text: string): Head | undefined {
  const fields = new Map<string, string>();
  for (const line of text.split("\r\n")) {
    if (line === "") continue;
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    // A repeated, folded or malformed line: what it means is node:http's to say.
    if (colon < 1 || !/^[\w-]+$/.test(name) || fields.has(name) || NOT_PLAIN.has(name)) return undefined;
    fields.set(name, line.slice(colon + 1).trim());
  }
  const length = fields.get("content-length") ?? "";
  const bodyBytes = /^\d{1,7}$/.test(length) ? Number(length) : Infinity;
  if (bodyBytes > BODY_LIMIT_BYTES || !fields.has("host")) return undefined;
  if ((fields.get("connection") ?? "keep-alive").toLowerCase() !== "keep-alive") return undefined;
  return { bodyBytes, apiKey: fields.get("x-api-key"), contentType: fields.get("content-type") };
}

function responseText(answer: Answer, connection: string): string {
  const headers = headersOf(answer);
  let text = `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? "Unknown"}\r\n`;
  for (let index = 0; index < headers.length; index += 2)
    text += `${headers[index]}: ${headers[index + 1]}\r\n`;
  return `${text}Connection: ${connection}\r\n\r\n${answer.body}`;
}

function ignore(): void {}
