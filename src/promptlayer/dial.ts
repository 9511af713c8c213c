/** Opens connections: TCP, an HTTP proxy's tunnel where there is one, TLS. No request of the API leaves from here. */
import { isIP, type Socket, connect as connectTcp } from "node:net";
import { connect as connectTls, createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import { Client } from "undici";
import { describeFault } from "../core/network-failure.ts";

export interface DialTarget {
  base: URL;
  proxy: URL | undefined;
  /** For all of it: name, TCP, tunnel, TLS. */
  connectTimeoutMs: number;
  /** Further certificate authorities to trust, as PEM. */
  ca: string | undefined;
}

export interface Dialed {
  /** What HTTP is spoken over. */
  socket: Socket;
  /** The TCP connection below it: only there can a connection be reset. */
  wire: Socket;
}

/** Rejects with a DialFailure, never with anything else. */
export type Dial = (signal: AbortSignal) => Promise<Dialed>;

/** No connection came about. The message names host and cause. */
export class DialFailure extends Error {
  override readonly name = "DialFailure";
  /** The proxy's answer to CONNECT, if that was why. */
  readonly proxyStatus: number | undefined;

  constructor(message: string, options: { cause?: unknown; proxyStatus?: number } = {}) {
    super(message, { cause: options.cause });
    this.proxyStatus = options.proxyStatus;
  }
}

export function createDial(target: DialTarget): Dial {
  const { base, proxy, connectTimeoutMs } = target;
  // Made once: to read the certificates anew for each connection takes longer than the rest of a handshake.
  let trusted: SecureContext | undefined;
  const trust = (): SecureContext => {
    trusted ??= createSecureContext(
      target.ca === undefined ? {} : { ca: [...getCACertificates("default"), target.ca] },
    );
    return trusted;
  };
  const firstHop = proxy ?? base;
  const secureFirstHop = createTlsUpgrade(firstHop, trust);
  // Plain HTTP is forwarded by a proxy request by request; only TLS needs a tunnel.
  const tunnel =
    proxy !== undefined && base.protocol === "https:"
      ? { proxy, base, secure: createTlsUpgrade(base, trust) }
      : undefined;

  return async (signal) => {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(connectTimeoutMs)]);
    let hop = firstHop;
    let wire: Socket | undefined;
    try {
      wire = connectTcp({ host: bareHost(hop), port: portOf(hop), noDelay: true, keepAlive: true });
      await becomes(wire, "connect", deadline);
      let socket = hop.protocol === "https:" ? await secureFirstHop(wire, deadline) : wire;
      if (tunnel !== undefined) {
        await openTunnel(socket, tunnel, deadline);
        hop = base;
        socket = await tunnel.secure(socket, deadline);
      }
      return { socket, wire };
    } catch (error) {
      wire?.destroy();
      if (error instanceof DialFailure) throw error;
      const timedOut = deadline.aborted && !signal.aborted;
      const fault = timedOut ? `no connection within ${connectTimeoutMs} ms` : describeFault(error);
      throw new DialFailure(`${hop.host}: ${fault}`, { cause: error });
    }
  };
}

/** Resumes the last session with the same host, which saves most of a handshake. */
function createTlsUpgrade(
  host: URL,
  trust: () => SecureContext,
): (socket: Socket, signal: AbortSignal) => Promise<Socket> {
  const name = bareHost(host);
  const options = {
    host: name,
    // A server name must not be an address (RFC 6066, section 3).
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ALPNProtocols: ["http/1.1"],
  };
  let session: Buffer | undefined;
  return async (socket, signal) => {
    const upgraded = connectTls({
      ...options,
      socket,
      secureContext: trust(),
      ...(session === undefined ? {} : { session }),
    });
    upgraded.on("session", (latest) => {
      session = latest;
    });
    await becomes(upgraded, "secureConnect", signal);
    return upgraded;
  };
}

/** CONNECT (RFC 9110, section 9.3.6). Afterwards the socket leads to the API's host. */
async function openTunnel(
  socket: Socket,
  way: { proxy: URL; base: URL },
  signal: AbortSignal,
): Promise<void> {
  const client = new Client(way.proxy.origin, {
    allowH2: false,
    connect: (_options, callback) => queueMicrotask(() => callback(null, socket)),
  });
  const authority = `${way.base.hostname}:${portOf(way.base)}`;
  const { statusCode } = await client.connect({
    path: authority,
    headers: { host: authority, ...proxyAuthorization(way.proxy) },
    signal,
  });
  if (statusCode < 200 || statusCode > 299) {
    throw new DialFailure(`proxy ${way.proxy.host}: answered ${statusCode} instead of opening a tunnel`, {
      proxyStatus: statusCode,
    });
  }
}

/** The header that a proxy whose URL holds a user name asks for; none otherwise. */
export function proxyAuthorization(proxy: URL): Record<string, string> {
  if (proxy.username === "") return {};
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(credentials).toString("base64")}` };
}

/** Resolves on the event; rejects on an error, an early end, or the signal, and then leaves nothing open. */
function becomes(socket: Socket, event: "connect" | "secureConnect", signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const give = (error: unknown): void => {
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => give(signal.reason);
    const onClose = (): void => give(Object.assign(new Error("closed"), { code: "UND_ERR_SOCKET" }));
    // It stays for good: an error between two owners of the socket must not end the process.
    socket.on("error", give);
    socket.once("close", onClose);
    socket.once(event, () => {
      signal.removeEventListener("abort", onAbort);
      socket.off("close", onClose);
      resolve();
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** Without the brackets of an IPv6 address. */
function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/gu, "");
}

function portOf(url: URL): number {
  if (url.port !== "") return Number(url.port);
  return url.protocol === "https:" ? 443 : 80;
}
