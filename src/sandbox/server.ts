/** Starts and closes a sandbox: the local stand-in for PromptLayer's API, with the true record of what it applied. */
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer as createNetServer, type Server, type Socket } from "node:net";
import { TraceloadError } from "../core/errors.ts";
import { addTraceEndpoint } from "./add-trace.ts";
import { readBody } from "./body.ts";
import { CONTROL_PREFIX, type Controls, handleControl } from "./control.ts";
import { Delays } from "./delays.ts";
import { countDuplicates, type DuplicateCount } from "./duplicates.ts";
import { type Exchange, httpExchange } from "./exchange.ts";
import { serveFast } from "./fast-connection.ts";
import { FaultScript } from "./fault-script.ts";
import { Gate } from "./gate.ts";
import { NumberList } from "./number-list.ts";
import type { SandboxOptions } from "./options.ts";
import { seededRandom } from "./random.ts";
import { ADD_TRACE_PATH, handleRoute } from "./routes.ts";
import { Tally } from "./tally.ts";
import { Traces } from "./traces.ts";
import { type AppliedRow, Workspace } from "./workspace.ts";

const HOST = "127.0.0.1";

/** The truth about what was applied. */
export interface SandboxRecord {
  readonly file: string;
  count(): number;
  /** Every row ever applied, in order. */
  rows(): AppliedRow[];
  duplicates(): DuplicateCount;
}

export interface Sandbox extends Controls {
  /** `http://127.0.0.1:<port>`, to be used as the API's base URL. */
  readonly url: string;
  readonly port: number;
  readonly record: SandboxRecord;
  /** Cuts all connections; what would have been applied later is not. Safe to repeat. */
  close(): Promise<void>;
}

/** Rejects with `wrong_usage` (a port in use, a fault that is none) or `store_damaged` (not a sandbox's record). */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const wallMs = options.wallMs ?? Date.now;
  const seed = options.seed ?? 1;
  // Each kind of chance has its own sequence: setting a latency does not move the faults.
  const script = new FaultScript(options.script ?? [], {
    rate: options.faultRate ?? 0,
    kinds: options.faultKinds,
    random: seededRandom(seed),
  });
  const workspace = new Workspace({
    recordFile: options.recordFile,
    groups: options.groups ?? ((id) => id >= 1 && id <= 1000),
    seedRows: options.seedRows === undefined ? 0 : options.seedRows,
    seedRowsPerSecond: options.seedRowsPerSecond,
    publishDelayMs: options.publishDelayMs ?? 50,
    wallMs,
  });
  const traces = new Traces({ missingTrace: options.missingTrace, missingSpan: options.missingSpan });
  const gate = new Gate({
    keys: options.keys,
    forbiddenKeys: options.forbiddenKeys ?? [],
    forbiddenEndpoints: options.forbiddenEndpoints ?? [],
    rateLimitPerSecond: options.rateLimitPerSecond,
    rateLimitRetryAfter: options.rateLimitRetryAfter ?? "seconds",
    wallMs,
  });
  const tally = new Tally();
  const arrivals = new NumberList();
  const delays = new Delays();
  const late = new Delays();
  const latencyMs = latencySource(options.latencyMs ?? 0, seededRandom(seed + 1));

  const keepAliveMs = options.keepAliveMs ?? 65_000;
  const http = createHttpServer({ keepAliveTimeout: keepAliveMs, requestTimeout: 0 });
  const server = createNetServer({ noDelay: true });
  const connections = new Set<Socket>();
  let refusing = false;
  const refuseConnections = (ms: number): void => {
    if (refusing) return;
    refusing = true;
    // Idle connections stay: a caller about to use one could not tell why it was cut.
    server.close();
    delays.after(ms, listenAgain);
  };
  const listenAgain = (): void => {
    // Somebody else may hold the port just now.
    const retry = (): void => delays.after(50, listenAgain);
    server.once("error", retry);
    server.listen(port, HOST, () => {
      server.removeListener("error", retry);
      refusing = false;
    });
  };

  const duplicateCount = (): DuplicateCount =>
    countDuplicates(() => workspace.applied(), workspace.appliedCount());
  const controls: Controls = {
    appliedRows: () => workspace.applied(),
    stats: (options) => ({
      applied: workspace.appliedCount(),
      requests: tally.counts(),
      addTraceArrivals: arrivals.length,
      pendingLate: late.pending,
      duplicates: options?.duplicates === false ? undefined : duplicateCount(),
    }),
    arrivalsMs: () => arrivals.toArray().map((time) => performance.timeOrigin + time),
    addFaults: (rules, options) => {
      if (options?.replace === true) script.clear();
      script.add(rules);
    },
    setTraces: (change) => traces.change(change),
    publish: (groupId) => workspace.saveDraft(groupId, 0)?.id,
    refuseConnections,
  };

  const addTrace = addTraceEndpoint({
    workspace,
    traces,
    gate,
    script,
    tally,
    arrivals,
    delays,
    late,
    latencyMs,
    refuseConnections,
  });
  const routes = {
    workspace,
    traces,
    cells: options.rows ?? "ids",
    gate,
    tally,
    latencyMs,
    after: (ms: number, action: () => void) => delays.after(ms, action),
  } as const;
  http.on("request", (request, response) => {
    if (refusing) response.shouldKeepAlive = false;
    if (request.url === ADD_TRACE_PATH && request.method === "POST") {
      const arrival = addTrace.arrive();
      readBody(request, (text) => addTrace.handle(arrival, httpExchange(request, response), text));
    } else if (request.url?.startsWith(CONTROL_PREFIX) === true) handleControl(controls, request, response);
    else handleRoute(routes, request, response);
  });
  const fast = {
    path: ADD_TRACE_PATH,
    fallback: http,
    handle: (exchange: Exchange, body: string) => addTrace.handle(addTrace.arrive(), exchange, body),
    keepAliveMs,
    lastAnswer: () => refusing,
  };
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
    serveFast(socket, fast);
  });

  const port = await listen(server, options.port ?? 0).catch((error: unknown) => {
    workspace.close();
    throw error;
  });
  let closing: Promise<void> | undefined;
  return {
    ...controls,
    url: `http://${HOST}:${port}`,
    port,
    record: {
      file: workspace.recordFile,
      count: () => workspace.appliedCount(),
      rows: () => [...workspace.applied()],
      duplicates: duplicateCount,
    },
    close: () => {
      closing ??= new Promise((resolve) => {
        delays.clear();
        late.clear();
        server.close(() => resolve());
        for (const socket of connections) socket.destroy();
        http.close();
      });
      return closing.then(() => workspace.close());
    },
  };
}

function latencySource(latency: number | readonly [number, number], random: () => number): () => number {
  if (typeof latency === "number") return () => latency;
  const [least, most] = latency;
  return () => least + random() * (most - least);
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(
        new TraceloadError("wrong_usage", `the sandbox cannot listen on port ${port}: ${error.message}`, {
          next: "Choose another port, or 0 for a free one.",
          cause: error,
        }),
      ),
    );
    server.listen(port, HOST, () => {
      server.removeAllListeners("error");
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}
