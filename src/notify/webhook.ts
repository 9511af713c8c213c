/** Notices over HTTP: one signed POST an attempt, limited in time, no redirect followed, the answer's body unread. */
import { Agent, type Dispatcher, errors, ProxyAgent } from "undici";
import type { Clock } from "../core/clock.ts";
import { TraceloadError } from "../core/errors.ts";
import { type Notice, type NoticeChannel, type NoticeDelivery, readWebhookUrl } from "../core/notices.ts";
import { parseRetryAfter } from "../core/retry-timing.ts";
import { noticePayload } from "./payload.ts";
import { readWebhookKeys } from "./signature.ts";

export interface WebhookOptions {
  url: string;
  /** `whsec_…`; while one takes another's place both, with a blank between. */
  secret: string;
  userAgent: string;
  /** The HTTP proxy to use for this address, as HTTPS_PROXY and its like name it. */
  proxy?: string | undefined;
  /** For one attempt; default 10 s. */
  timeoutMs?: number;
  clock: Pick<Clock, "wallMs">;
}

const TIMEOUT_MS = 10_000;
/** More of an answer ends its connection. */
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Opens nothing yet. Throws `config_invalid` for an address or a secret that cannot be used; no message of it, or of a
 * delivery, holds either: an address may be a secret in itself.
 */
export function openWebhook(options: WebhookOptions): NoticeChannel {
  const { secret, userAgent, clock, timeoutMs = TIMEOUT_MS } = options;
  const url = readUrl(options.url);
  const keys = readWebhookKeys(secret);
  if (keys === undefined) {
    throw new TraceloadError(
      "config_invalid",
      "the webhook's secret is none: it must be whsec_ and 24 to 64 bytes in base64",
      { next: 'export TRACELOAD_WEBHOOK_SECRET="whsec_$(openssl rand -base64 32)"' },
    );
  }
  const connect = { timeout: timeoutMs };
  const dispatcher: Dispatcher =
    options.proxy === undefined
      ? new Agent({ connect })
      : new ProxyAgent({ uri: options.proxy, requestTls: connect });

  const post = async (notice: Notice, signal: AbortSignal): Promise<NoticeDelivery> => {
    const body = noticePayload(notice);
    const timestampSeconds = Math.floor(clock.wallMs() / 1000);
    const answer = await dispatcher.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: "POST",
      headers: {
        "content-type": "application/json",
        "user-agent": userAgent,
        "webhook-id": notice.id,
        "webhook-timestamp": String(timestampSeconds),
        "webhook-signature": keys.sign({ id: notice.id, timestampSeconds, body }),
      },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    const { statusCode, headers } = answer;
    // Whether it was taken is known by now.
    await answer.body.dump({ limit: MAX_ANSWER_BYTES }).catch(() => undefined);
    return judge(statusCode, headers["retry-after"], url.host, clock.wallMs());
  };

  return {
    send: async (notice, signal) => {
      signal.throwIfAborted();
      try {
        return await post(notice, signal);
      } catch (error) {
        signal.throwIfAborted();
        return {
          kind: "try-again",
          reason: `${url.host}: ${describe(error, timeoutMs)}`,
          retryInMs: undefined,
        };
      }
    },
    close: () => dispatcher.close(),
  };
}

function judge(
  status: number,
  retryAfter: string | string[] | undefined,
  host: string,
  nowMs: number,
): NoticeDelivery {
  if (status >= 200 && status < 300) return { kind: "delivered" };
  const reason = `${host} answers ${status}`;
  if (status >= 500 || [408, 425, 429].includes(status)) {
    const text = Array.isArray(retryAfter) ? retryAfter[0] : retryAfter;
    return { kind: "try-again", reason, retryInMs: parseRetryAfter(text, nowMs) };
  }
  return { kind: "refused", reason: status < 400 ? `${reason}: redirects are not followed` : reason };
}

function readUrl(text: string): URL {
  const url = readWebhookUrl(text);
  if (url !== undefined) return url;
  throw new TraceloadError(
    "config_invalid",
    "the webhook's address is none: it must be an https URL without a user's name in it (http only on this machine)",
    { next: "write https://host/path" },
  );
}

/** A code of Node's or undici's own, and no text: that may name the address. */
function describe(error: unknown, timeoutMs: number): string {
  if (error instanceof DOMException && error.name === "TimeoutError")
    return `no answer within ${timeoutMs} ms`;
  if (error instanceof errors.UndiciError) return error.code;
  return error instanceof Error && "code" in error ? String(error.code) : "the request failed";
}
