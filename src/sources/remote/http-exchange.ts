/** One question to an HTTP server and its answer: redirects followed with care, faults told in words, bytes as they come. */
import { pipeline } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Readable, Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { Agent, type Dispatcher, ProxyAgent } from "undici";
import { TraceloadError } from "../../core/errors.ts";
import { describeFault } from "../../core/network-failure.ts";
import { parseRetryAfter } from "../../core/retry-timing.ts";
import type { Secrets } from "./secrets.ts";
import { statusFault, tunnelFault } from "./http-refusal.ts";

export interface HttpQuestion {
  url: URL;
  /** In lower case. */
  headers: Readonly<Record<string, string>>;
  /** Posted; undefined: the address is got. */
  body: string | undefined;
}

export interface HttpAnswer {
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Throws `source_unreadable` where it breaks off. */
  bytes: AsyncGenerator<Buffer>;
  /** Where it came from at last. */
  url: URL;
}

export interface HttpParts {
  /** What messages call the source. */
  name: string;
  secrets: Secrets;
  timeoutMs: number;
  proxyFor: (url: string) => string | undefined;
}

const MOST_REDIRECTS = 5;
/** Too many requests; a gateway or server that is not ready. */
const PASSING = new Set([429, 502, 503, 504]);
const MOST_ATTEMPTS = 4;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
const LONGEST_CONNECT_MS = 20_000;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** What alone may go to another host: everything else may be a secret. */
const FOR_OTHER_HOSTS = new Set(["accept", "accept-encoding", "user-agent"]);

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

export class HttpClient {
  readonly #parts: HttpParts;
  readonly #dispatchers = new Map<string, Dispatcher>();

  constructor(parts: HttpParts) {
    this.#parts = parts;
  }

  async close(): Promise<void> {
    for (const dispatcher of this.#dispatchers.values()) await dispatcher.destroy();
    this.#dispatchers.clear();
  }

  /**
   * Asks again where the server says that it will answer later, a few times. Throws `source_unreadable` and
   * `source_refused`.
   */
  async ask(question: HttpQuestion, signal: AbortSignal): Promise<HttpAnswer> {
    const { name } = this.#parts;
    let { url, headers, body } = question;
    for (let redirects = 0; ; redirects += 1) {
      const answer = await this.#askPatiently({ url, headers, body }, signal);
      if (!REDIRECTS.has(answer.statusCode)) {
        if (answer.statusCode < 200 || answer.statusCode > 299 || answer.statusCode === 206) {
          throw await statusFault(answer, this.#parts, signal);
        }
        return { headers: answer.headers, bytes: this.#bytes(answer, signal), url };
      }
      answer.body.on("error", () => undefined).destroy();
      if (redirects === MOST_REDIRECTS) {
        throw new TraceloadError("source_refused", `${name}: redirected more than ${MOST_REDIRECTS} times`);
      }
      const next = redirectTarget(answer.headers["location"], url);
      if (next === undefined || (url.protocol === "https:" && next.protocol !== "https:")) {
        const why = next === undefined ? "without saying where" : `to ${next.host} without TLS`;
        throw new TraceloadError("source_refused", `${name}: redirected ${why}`);
      }
      if (next.origin !== url.origin) {
        if (body !== undefined) {
          throw new TraceloadError(
            "source_refused",
            `${name}: redirected to ${next.host}, and a query is not sent to another host`,
            {
              next: "Name that address, if you trust it.",
            },
          );
        }
        headers = Object.fromEntries(
          Object.entries(headers).filter(([header]) => FOR_OTHER_HOSTS.has(header)),
        );
      }
      // RFC 9110, section 15.4: 303 is to be got; so, by custom, is what was posted to a 301 or 302.
      if (body !== undefined && answer.statusCode < 304) body = undefined;
      url = next;
    }
  }

  async #askPatiently(question: HttpQuestion, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#askOnce(question, signal);
      if (!PASSING.has(answer.statusCode) || attempt === MOST_ATTEMPTS) return answer;
      const pauseMs = askedPause(answer) ?? FIRST_PAUSE_MS * 2 ** (attempt - 1);
      if (pauseMs > LONGEST_PAUSE_MS) return answer;
      answer.body.on("error", () => undefined).destroy();
      await sleep(pauseMs, undefined, { signal });
    }
  }

  async #askOnce(
    { url, headers, body }: HttpQuestion,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    try {
      return await this.#dispatcherFor(url).request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: body === undefined ? "GET" : "POST",
        headers,
        body: body ?? null,
        signal,
      });
    } catch (error) {
      signal.throwIfAborted();
      throw this.#unreachable(url, error);
    }
  }

  #dispatcherFor(url: URL): Dispatcher {
    const { timeoutMs } = this.#parts;
    const proxy = this.#proxyFor(url)?.href ?? "";
    const known = this.#dispatchers.get(proxy);
    if (known !== undefined) return known;
    const options = {
      connect: { timeout: Math.min(timeoutMs, LONGEST_CONNECT_MS) },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    };
    const made = proxy === "" ? new Agent(options) : new ProxyAgent({ uri: proxy, ...options });
    this.#dispatchers.set(proxy, made);
    return made;
  }

  #proxyFor({ href }: URL): URL | undefined {
    const proxy = this.#parts.proxyFor(href);
    if (proxy === undefined) return undefined;
    const url = URL.canParse(proxy) ? new URL(proxy) : undefined;
    if (url?.protocol === "http:" || url?.protocol === "https:") return url;
    // The text itself may hold a password, and what cannot be parsed cannot be redacted.
    throw new TraceloadError("config_invalid", `the proxy of ${this.#parts.name} has no http or https URL`, {
      next: "export HTTPS_PROXY=http://proxy.example.com:3128",
    });
  }

  #unreachable(url: URL, error: unknown): TraceloadError {
    const { name } = this.#parts;
    if (error instanceof TraceloadError) return error;
    const proxy = this.#proxyFor(url)?.host;
    const refused = proxy === undefined ? undefined : tunnelFault(name, proxy, error);
    if (refused !== undefined) return refused;
    const fault = this.#fault(error);
    const way = proxy === undefined ? url.host : `${url.host}, through the proxy ${proxy}`;
    return new TraceloadError("source_unreadable", `${name}: ${way}: ${fault}`, {
      next: fault.includes("NODE_EXTRA_CA_CERTS")
        ? "export NODE_EXTRA_CA_CERTS=/path/to/the/issuer.pem, then type the same command again."
        : "Check the address, and HTTPS_PROXY; then type the same command again.",
    });
  }

  #fault(error: unknown): string {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const seconds = `${this.#parts.timeoutMs / 1000} s (--source-timeout)`;
    if (code === "UND_ERR_CONNECT_TIMEOUT") return "no connection in time";
    if (code === "UND_ERR_HEADERS_TIMEOUT") return `no answer within ${seconds}`;
    if (code === "UND_ERR_BODY_TIMEOUT") return `nothing more came within ${seconds}`;
    return describeFault(error);
  }

  /** What a proxy or server packed for the way is unpacked; a file that is packed itself stays as it is. */
  async *#bytes({ headers, body }: Dispatcher.ResponseData, signal: AbortSignal): AsyncGenerator<Buffer> {
    const { name } = this.#parts;
    const decoded = decode(body, headers["content-encoding"], name);
    let received = 0;
    try {
      for await (const chunk of decoded) {
        const bytes = chunk as Buffer;
        received += bytes.length;
        yield bytes;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw new TraceloadError(
        "source_unreadable",
        `${name}: the answer broke off after ${received} bytes${announced(headers)}: ${this.#fault(error)}`,
        { next: "Type the same command again: rows that were added are not sent again." },
      );
    } finally {
      decoded.destroy();
      body.on("error", () => undefined).destroy();
    }
  }
}

function decode(body: Readable, encoding: string | string[] | undefined, name: string): Readable {
  const coding = (typeof encoding === "string" ? encoding : "").trim().toLowerCase();
  if (coding === "" || coding === "identity") return body;
  const decoder = DECODERS[coding]?.();
  if (decoder === undefined) {
    body.on("error", () => undefined).destroy();
    throw new TraceloadError(
      "source_refused",
      `${name}: the answer is packed as ${JSON.stringify(coding)}, which nobody asked for`,
    );
  }
  return pipeline(body, decoder, () => undefined);
}

function askedPause({ headers }: Dispatcher.ResponseData): number | undefined {
  const value = headers["retry-after"];
  return parseRetryAfter(typeof value === "string" ? value : undefined, Date.now());
}

function announced(headers: HttpAnswer["headers"]): string {
  const length = headers["content-length"];
  return typeof length === "string" && headers["content-encoding"] === undefined ? ` of ${length}` : "";
}

function redirectTarget(location: string | string[] | undefined, from: URL): URL | undefined {
  if (typeof location !== "string" || !URL.canParse(location, from.href)) return undefined;
  const target = new URL(location, from.href);
  // Names and passwords in it would be a header for whoever it leads to.
  target.username = "";
  target.password = "";
  return target.protocol === "https:" || target.protocol === "http:" ? target : undefined;
}
