/**
 * What an orchestrator asks a worker over HTTP: `GET /live`, whether the process answers, and `GET /ready`, whether it
 * serves runs now. It tells nothing of rows, keys or addresses, and needs no key.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { TraceloadError } from "../core/errors.ts";

export type Readiness = "ready" | "starting" | "draining" | "store-unreachable";

export interface HealthOptions {
  host: string;
  /** 0: a free one. */
  port: number;
  /** Asked at each `/ready`. Must not reject, nor take longer than a probe waits. */
  readiness: () => Promise<Readiness>;
}

export interface HealthServer {
  readonly url: string;
  close(): Promise<void>;
}

/** A probe sends a line and a few headers, and comes again. */
const REQUEST_MS = 5_000;

/** Throws `config_invalid` when the address cannot be listened on. */
export async function startHealthServer({ host, port, readiness }: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const path = (request.url ?? "").split("?", 1)[0];
    if (path !== "/live" && path !== "/ready") return answer(response, 404, "not-found");
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      return answer(response, 405, "method-not-allowed");
    }
    if (path === "/live") return answer(response, 200, "live");
    readiness().then(
      (status) => answer(response, status === "ready" ? 200 : 503, status),
      () => answer(response, 503, "store-unreachable"),
    );
  });
  server.requestTimeout = REQUEST_MS;
  server.headersTimeout = REQUEST_MS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(cannotListen(host, port, error)));
    server.listen(port, host, resolve);
  });
  // It must not be what a process lives on for.
  server.unref();
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(response: ServerResponse, code: number, status: string): void {
  response.writeHead(code, { "Content-Type": "application/json", "Cache-Control": "no-store" });
  response.end(`${JSON.stringify({ status })}\n`);
}

function cannotListen(host: string, port: number, cause: Error): TraceloadError {
  return new TraceloadError("config_invalid", `no health endpoint on ${host}:${port}: ${cause.message}`, {
    next: "name another port with --health-port, or an address of this host with --health-host",
    cause,
  });
}
