/** What one attempt means: the one table from what the transport saw to the outcome. Pure. */
import { isApiRefusal, type JsonObject, parseJsonObject, serverMessage } from "./answer-body.ts";
import type { AddMode, AttemptSignal, HaltCode, Outcome } from "./outcome.ts";
import { parseRetryAfter } from "./retry-timing.ts";

export interface ClassifyContext {
  /** Whether the request named a span. */
  sentSpan: boolean;
  nowMs: number;
}

/** Warning of a row that was added in another mode than it was sent in, or whose mode the server did not name. */
export const MODE_MISMATCH = "mode_mismatch";

type Answer = Extract<AttemptSignal, { phase: "answered" }>;

/**
 * In doubt the outcome is `unknown`, since the endpoint is not idempotent: a row may be sent again only where it is
 * certain that it was not applied.
 */
export function classify(signal: AttemptSignal, context: ClassifyContext): Outcome {
  switch (signal.phase) {
    case "before-header":
      return { kind: "not-sent", cause: signal.cause };
    case "after-header":
      return { kind: "unknown", reason: signal.reason, httpStatus: undefined, message: signal.cause };
    case "answered":
      return classifyAnswer(signal, context);
    default:
      return signal satisfies never;
  }
}

function classifyAnswer(answer: Answer, context: ClassifyContext): Outcome {
  const { status } = answer;
  const json = parseJsonObject(answer.body);
  if (status >= 200 && status < 300) return confirmed(status, json, context);
  if (status >= 300 && status < 400) return halt("wrong_endpoint", answer, json);
  if (status >= 400 && status < 500) return clientError(answer, json, context);
  // Gateways answer 503 after forwarding, too; only one that says when to come back has surely not done so.
  if (status === 503 && isPresent(answer.retryAfter)) return refused(answer, json, context, true);
  if (status >= 500 && status < 600) {
    const message = messageOf(answer, json);
    return { kind: "unknown", reason: "server_error", httpStatus: status, message };
  }
  return unreadable(status, `HTTP ${status} is no answer to a request`);
}

/** 2xx. Added only if status, success and draft all say so. */
function confirmed(status: number, json: JsonObject | undefined, context: ClassifyContext): Outcome {
  const draftDatasetId = json?.["draft_dataset_id"];
  const isAdded = (status === 200 || status === 201) && json?.["success"] === true;
  if (!isAdded || !isId(draftDatasetId)) {
    const said = serverMessage(json);
    return unreadable(
      status,
      `HTTP ${status}, but not the confirmation of a row${said === undefined ? "" : `: ${said}`}`,
    );
  }
  const sent: AddMode = context.sentSpan ? "span" : "trace";
  const mode = json["mode"];
  return {
    kind: "added",
    draftDatasetId,
    mode: mode === "span" || mode === "trace" ? mode : sent,
    httpStatus: status,
    warning: mode === sent ? undefined : MODE_MISMATCH,
  };
}

/** 4xx: refused by somebody. Who it was, and whether it can go better another time, decides. */
function clientError(answer: Answer, json: JsonObject | undefined, context: ClassifyContext): Outcome {
  const { status } = answer;
  switch (status) {
    case 401:
      return halt("unauthorized", answer, json);
    case 403:
      return halt("forbidden", answer, json);
    case 407:
      return halt("wrong_endpoint", answer, json);
    case 408:
    case 425:
      return refused(answer, json, context, false);
    case 429:
      return refused(answer, json, context, true);
    default:
      break;
  }
  // Here the body decides whose fault it is, and it broke off.
  if (answer.body === undefined) return unreadable(status, `HTTP ${status}, but the answer broke off`);
  const isFromApi = isApiRefusal(json);
  if (!isFromApi && (status === 404 || status === 405)) return halt("wrong_endpoint", answer, json);
  const message = isFromApi
    ? messageOf(answer, json)
    : `HTTP ${status}, and not from PromptLayer's API itself`;
  return { kind: "rejected", code: rejectionCode(status, isFromApi), message, httpStatus: status };
}

function rejectionCode(status: number, isFromApi: boolean): string {
  if (isFromApi && status === 400) return "bad_request";
  if (isFromApi && status === 404) return "trace_not_found";
  if (isFromApi && status === 422) return "validation_error";
  return `rejected_${status}`;
}

function refused(
  answer: Answer,
  json: JsonObject | undefined,
  context: ClassifyContext,
  everybody: boolean,
): Outcome {
  return {
    kind: "refused",
    httpStatus: answer.status,
    everybody,
    retryInMs: parseRetryAfter(answer.retryAfter, context.nowMs),
    message: messageOf(answer, json),
  };
}

function halt(code: HaltCode, answer: Answer, json: JsonObject | undefined): Outcome {
  return { kind: "halt", code, httpStatus: answer.status, message: messageOf(answer, json) };
}

function unreadable(httpStatus: number, message: string): Outcome {
  return { kind: "unknown", reason: "unreadable_answer", httpStatus, message };
}

function messageOf(answer: Answer, json: JsonObject | undefined): string {
  return serverMessage(json) ?? `HTTP ${answer.status}`;
}

/** A value that cannot be understood still says "come back"; an empty one says nothing. */
function isPresent(header: string | undefined): boolean {
  return header !== undefined && header.trim() !== "";
}

function isId(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}
