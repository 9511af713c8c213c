/** Calls a sandbox in tests: over fetch where an answer is expected, over a bare socket where the wire is judged. */
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

export const API = "/api/public/v2";
export const ADD_TRACE = `${API}/dataset-versions/add-trace`;

export interface Reply {
  status: number;
  headers: Headers;
  body: unknown;
}

export interface CallOptions {
  /** null: no key at all. */
  key?: string | null;
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

/** One request, its body (if any) as JSON unless it is text already. */
export async function call(url: string, path: string, options: CallOptions = {}): Promise<Reply> {
  const { key = "test-key", body } = options;
  const response = await fetch(url + path, {
    method: options.method ?? (body === undefined ? "GET" : "POST"),
    redirect: "manual",
    headers: {
      ...(key !== null && { "x-api-key": key }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...options.headers,
    },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: parsed(text) };
}

export function addTrace(
  url: string,
  traceId: string,
  options: { spanId?: string; group?: number } = {},
): Promise<Reply> {
  return call(url, ADD_TRACE, {
    body: {
      dataset_group_id: options.group ?? 42,
      trace_id: traceId,
      ...(options.spanId !== undefined && { span_id: options.spanId }),
    },
  });
}

/** The bytes of an add-trace request. */
export function addTraceBytes(traceId: string, options: { headers?: string; spanId?: string } = {}): string {
  const body = JSON.stringify({
    dataset_group_id: 42,
    trace_id: traceId,
    ...(options.spanId !== undefined && { span_id: options.spanId }),
  });
  return (
    `POST ${ADD_TRACE} HTTP/1.1\r\nHost: sandbox\r\nX-API-Key: test-key\r\nContent-Type: application/json\r\n` +
    `${options.headers ?? ""}Content-Length: ${body.length}\r\n\r\n${body}`
  );
}

/** A bare connection: what came, and how it ended. */
export interface Wire {
  socket: Socket;
  received(): string;
  /** Resolves when the connection is over, with how. */
  ended: Promise<"end" | "reset">;
  /** Resolves when what came satisfies the condition. */
  until(condition: (received: string) => boolean): Promise<string>;
}

export async function openWire(port: number): Promise<Wire> {
  let received = "";
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const ended = new Promise<"end" | "reset">((resolve) => {
    let how: "end" | "reset" = "end";
    socket.on("error", () => (how = "reset"));
    socket.on("close", () => resolve(how));
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  socket.on("data", (chunk) => (received += chunk.toString()));
  return {
    socket,
    received: () => received,
    ended,
    until: async (condition) => {
      await eventually(() => condition(received));
      return received;
    },
  };
}

/** Sends the bytes on a connection of their own and answers with what came until it ended. */
export async function exchangeBytes(
  port: number,
  bytes: string,
): Promise<{ received: string; ended: "end" | "reset" }> {
  const wire = await openWire(port);
  wire.socket.write(bytes);
  const ended = await wire.ended;
  return { received: wire.received(), ended };
}

/** Waits until the condition holds; the test's own timeout is the limit. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(5);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
