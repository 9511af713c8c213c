/**
 * The endpoint that everything is about: adds a row to a group's draft, with the faults and delays that were asked
 * for. Like the real one it is not idempotent: the same trace added twice makes two rows.
 */
import { type Answer, failure, json, page, unprocessable } from "./answers.ts";
import type { Delays } from "./delays.ts";
import type { Exchange } from "./exchange.ts";
import type { FaultScript } from "./fault-script.ts";
import type { Fault } from "./fault.ts";
import type { Gate } from "./gate.ts";
import type { NumberList } from "./number-list.ts";
import type { Tally } from "./tally.ts";
import type { Traces } from "./traces.ts";
import { FieldCheck, isObject, parseBody } from "./validation.ts";
import type { Workspace } from "./workspace.ts";

export interface AddTraceParts {
  workspace: Workspace;
  traces: Traces;
  gate: Gate;
  script: FaultScript;
  tally: Tally;
  /** When each request came, on a clock that never jumps. */
  arrivals: NumberList;
  delays: Delays;
  /** Applications whose caller gets no answer, still to come. */
  late: Delays;
  latencyMs: () => number;
  refuseConnections: (ms: number) => void;
}

interface Verdict {
  answer: Answer;
  /** A row was added: the answer waits until the record is written. */
  applied: boolean;
}

/** A request whose head has come. */
export interface Arrival {
  overLimit: Answer | undefined;
  /** From 1, those that the rate limit refused not counted. */
  nth: number;
}

export interface AddTrace {
  /** To be called as soon as a request's head is there. */
  arrive(): Arrival;
  /** `text` undefined: the body was too large. */
  handle(arrival: Arrival, exchange: Exchange, text: string | undefined): void;
}

export function addTraceEndpoint(parts: AddTraceParts): AddTrace {
  const { workspace, traces, gate, script, tally, arrivals, delays, late } = parts;
  let admitted = 0;

  return {
    arrive: () => {
      arrivals.push(performance.now());
      const overLimit = gate.overLimit();
      return { overLimit, nth: overLimit === undefined ? ++admitted : 0 };
    },
    handle,
  };

  function handle({ overLimit, nth }: Arrival, exchange: Exchange, text: string | undefined): void {
    if (text === undefined) return answer(tooLarge());
    if (overLimit !== undefined) return answer(overLimit);
    const fault = script.choose({ nth, ...idsOf(text, script) });
    const latencyMs = parts.latencyMs();
    if (latencyMs > 0) return delays.after(latencyMs, () => act(text, fault));
    return act(text, fault);

    function answer(final: Answer): void {
      tally.add("add-trace", final.status);
      exchange.send(final);
    }

    function act(text: string, fault: Fault | undefined): void {
      if (fault === undefined) {
        const verdict = judge(text);
        if (verdict.applied) afterWrite(verdict.answer, answer);
        else answer(verdict.answer);
        return;
      }
      if (typeof fault.apply === "number") {
        late.after(fault.apply, () => judge(text));
        distort(fault, failure(500, "Not answered"));
        return;
      }
      if (fault.apply === "never") {
        distort(fault, failure(500, "Not applied"));
        return;
      }
      const verdict = judge(text);
      afterWrite(verdict.answer, (written) => distort(fault, written));
    }

    function afterWrite(written: Answer, next: (answer: Answer) => void): void {
      workspace.afterWrite((error) =>
        next(
          error === undefined ? written : failure(500, `The record could not be written: ${error.message}`),
        ),
      );
    }

    function judge(text: string): Verdict {
      const refused = gate.refusal(exchange.apiKey, "add-trace");
      if (refused !== undefined) return { answer: refused, applied: false };
      return addRow(text, exchange.contentType);
    }

    function distort(fault: Fault, honest: Answer): void {
      const { answer: lie } = fault;
      switch (lie.kind) {
        case "status":
          return answer(statusAnswer(lie.status, lie.retryAfter));
        case "close":
          tally.add("add-trace", "closed");
          return exchange.cut(lie.reset);
        case "silence":
          tally.add("add-trace", "silence");
          return undefined;
        case "half-body":
          tally.add("add-trace", "half-body");
          return exchange.sendHalf(honest);
        case "html":
          return answer(page(lie.status, lie.status === 200 ? "Welcome" : "Not Found"));
        case "success-false":
          return answer(json(200, { success: false, message: "Something went wrong" }));
        case "redirect":
          return answer(page(302, "Found", ["location", "/login"]));
        case "wrong-mode":
          return answer({ ...honest, body: swapMode(honest.body) });
        case "slow":
          return delays.after(lie.ms, () => answer(honest));
        case "refuse":
          parts.refuseConnections(lie.ms);
          return answer(honest);
        default:
          return lie satisfies never;
      }
    }
  }

  function addRow(text: string, contentType: string | undefined): Verdict {
    const body = parseBody(text, contentType);
    if (!body.ok) return { answer: unprocessable(body.complaints), applied: false };
    const check = new FieldCheck(body.value);
    const groupId = check.integer("dataset_group_id", { minimum: 1 });
    const traceId = check.text("trace_id", { minLength: 1 });
    const spanId = check.text("span_id", { minLength: 1, optional: true });
    const checked = check.done({ groupId, traceId, spanId });
    if (!checked.ok) return { answer: unprocessable(checked.complaints), applied: false };
    if (groupId === undefined || traceId === undefined) throw new Error("a checked body lacks its IDs");

    const group = workspace.group(groupId);
    if (group === undefined) return { answer: failure(400, "Dataset group not found"), applied: false };
    if (!traces.has(traceId)) return { answer: failure(404, "Trace not found"), applied: false };
    if (spanId !== undefined && !traces.hasSpan(traceId, spanId)) {
      return { answer: failure(404, "Span not found in trace"), applied: false };
    }
    const draftDatasetId = workspace.addRow(group, traceId, spanId);
    const mode = spanId === undefined ? "trace" : "span";
    return { answer: json(201, { success: true, draft_dataset_id: draftDatasetId, mode }), applied: true };
  }
}

export function tooLarge(): Answer {
  return failure(413, "Request body too large", ["connection", "close"]);
}

function idsOf(
  text: string,
  script: FaultScript,
): { traceId: string | undefined; spanId: string | undefined } {
  const ids = { traceId: undefined, spanId: undefined };
  if (!script.looksAtIds) return ids;
  try {
    const body: unknown = JSON.parse(text);
    if (!isObject(body)) return ids;
    const { trace_id: traceId, span_id: spanId } = body;
    return {
      traceId: typeof traceId === "string" ? traceId : undefined,
      spanId: typeof spanId === "string" ? spanId : undefined,
    };
  } catch {
    return ids;
  }
}

function statusAnswer(status: number, retryAfter: string | undefined): Answer {
  const headers = retryAfter === undefined ? [] : ["retry-after", retryAfter];
  // What stands between caller and API answers with pages; the API itself with JSON.
  return status >= 502 && status <= 504
    ? page(status, GATEWAY_TITLES[status] ?? "Error", headers)
    : failure(status, `Sandbox fault ${status}`, headers);
}

const GATEWAY_TITLES: Readonly<Record<number, string>> = {
  502: "502 Bad Gateway",
  503: "503 Service Unavailable",
  504: "504 Gateway Time-out",
};

function swapMode(body: string): string {
  return body.includes('"mode":"span"')
    ? body.replace('"mode":"span"', '"mode":"trace"')
    : body.replace('"mode":"trace"', '"mode":"span"');
}
