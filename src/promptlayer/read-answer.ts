/** What came of a read, as the port's answer: a value of the expected shape, or a failure that names its kind. */
import type { z } from "zod";
import { isApiRefusal, parseJsonObject, serverMessage } from "../core/answer-body.ts";
import type { ApiAnswer, ApiFailureKind } from "../core/api.ts";
import type { AttemptSignal } from "../core/outcome.ts";
import { parseRetryAfter } from "../core/retry-timing.ts";

export type ApiFailure = Extract<ApiAnswer<never>, { ok: false }>;

export function readAnswer<T>(
  signal: AttemptSignal,
  shape: z.ZodType<T>,
  context: { host: string; nowMs: number },
): ApiAnswer<T> {
  const { host, nowMs } = context;
  if (signal.phase === "before-header") return unreachable(signal.cause);
  if (signal.phase === "after-header") return unreachable(`${host}: ${signal.cause}`);
  const { status, body } = signal;
  const json = parseJsonObject(body);
  if (status >= 200 && status < 300) {
    if (body === undefined) return unreachable(`${host}: the answer broke off`);
    const value = shape.safeParse(json);
    if (value.success && json?.["success"] !== false) return { ok: true, status, value: value.data };
    const message = serverMessage(json) ?? `${host} answers ${status}, but not as PromptLayer's API does`;
    return { ok: false, kind: "wrong_endpoint", status, message, retryInMs: undefined };
  }
  return {
    ok: false,
    kind: failureKind(status, isApiRefusal(json)),
    status,
    message: serverMessage(json) ?? `${host} answers ${status}`,
    retryInMs: parseRetryAfter(signal.retryAfter, nowMs),
  };
}

function failureKind(status: number, isFromApi: boolean): ApiFailureKind {
  if (status >= 500) return "server_error";
  if (status < 400) return "wrong_endpoint";
  switch (status) {
    case 401:
      return "unauthorized";
    case 403:
      return "forbidden";
    case 404:
      return isFromApi ? "not_found" : "wrong_endpoint";
    case 405:
      return isFromApi ? "rejected" : "wrong_endpoint";
    case 407:
      return "wrong_endpoint";
    case 408:
    case 425:
      return "server_error";
    case 409:
      return "conflict";
    case 429:
      return "rate_limited";
    default:
      return "rejected";
  }
}

function unreachable(message: string): ApiFailure {
  return { ok: false, kind: "unreachable", status: undefined, message, retryInMs: undefined };
}
