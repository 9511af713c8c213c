/** `/_sandbox/…`: what a test or a person asks the sandbox itself. Needs no key; the sandbox listens on loopback only. */
import { Readable } from "node:stream";
import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import { TraceloadError } from "../core/errors.ts";
import { type Answer, failure, json, send } from "./answers.ts";
import { readBody } from "./body.ts";
import { parseFault } from "./fault.ts";
import type { FaultRule } from "./fault-script.ts";
import type { DuplicateCount } from "./duplicates.ts";
import type { AnswerCounts } from "./tally.ts";
import type { TraceChange } from "./traces.ts";
import type { AppliedRow } from "./workspace.ts";

export const CONTROL_PREFIX = "/_sandbox/";

export interface SandboxStats {
  /** Rows in the record, those of earlier sandboxes on the same file included. */
  applied: number;
  /** Of this sandbox's own life, as is all below. */
  requests: AnswerCounts;
  addTraceArrivals: number;
  /** Rows that will be applied although nobody was, or will be, answered. */
  pendingLate: number;
  /** Undefined when it was not asked for: it reads the whole record. */
  duplicates: DuplicateCount | undefined;
}

/** What can be read and changed while a sandbox runs, from its own process and over the wire. */
export interface Controls {
  /** Every row ever applied, in order. */
  readonly appliedRows: () => Iterable<AppliedRow>;
  /** `duplicates` defaults to true. */
  readonly stats: (options?: { duplicates: boolean }) => SandboxStats;
  /** When each add-trace request arrived: milliseconds since the epoch, with fractions, on a clock that never jumps. */
  readonly arrivalsMs: () => number[];
  /** Adds rules behind those that stand, or in their place. */
  readonly addFaults: (rules: readonly FaultRule[], options?: { replace: boolean }) => void;
  /** Publishes the group's draft now; answers its dataset's id, or undefined without a draft. */
  readonly publish: (datasetGroupId: number) => number | undefined;
  readonly setTraces: (change: TraceChange) => void;
  /** Accepts no connection for so long. Open ones are served once more. */
  readonly refuseConnections: (ms: number) => void;
}

const positive = z.int().min(1);
const faultsBody = z.strictObject({
  replace: z.boolean().default(false),
  script: z.array(
    z.strictObject({
      fault: z.string().refine((kind) => parseFault(kind) !== undefined, "not a fault the sandbox knows"),
      nth: z.union([positive, z.tuple([positive, positive])]).optional(),
      trace_id: z.string().optional(),
      span_id: z.string().optional(),
      times: positive.optional(),
    }),
  ),
});
const publishBody = z.strictObject({ dataset_group_id: positive });
const refuseBody = z.strictObject({ ms: positive });
const tracesBody = z.strictObject({
  available: z.array(z.string()).optional(),
  missing: z.array(z.string()).optional(),
  spans: z.record(z.string(), z.array(z.string())).optional(),
});

export function handleControl(controls: Controls, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "http://sandbox");
  const name = url.pathname.slice(CONTROL_PREFIX.length);
  if (request.method === "GET" && name === "record") {
    response.writeHead(200, ["content-type", "application/x-ndjson"]);
    Readable.from(recordLines(controls.appliedRows())).pipe(response);
    return;
  }
  readBody(request, (text) => send(response, controlAnswer(controls, request.method, name, url, text)));
}

function controlAnswer(
  controls: Controls,
  method: string | undefined,
  name: string,
  url: URL,
  text: string | undefined,
): Answer {
  switch (`${method} ${name}`) {
    case "GET stats":
      return json(200, controls.stats({ duplicates: url.searchParams.get("duplicates") !== "no" }));
    case "GET arrivals":
      return json(200, controls.arrivalsMs());
    case "POST faults":
      return withBody(faultsBody, text, ({ script, replace }) => {
        controls.addFaults(script.map(ruleOf), { replace });
        return json(200, { success: true });
      });
    case "POST publish":
      return withBody(publishBody, text, (body) => {
        const draftDatasetId = controls.publish(body.dataset_group_id);
        return draftDatasetId === undefined
          ? failure(404, "No draft version exists for this dataset group")
          : json(200, { success: true, draft_dataset_id: draftDatasetId });
      });
    case "POST traces":
      return withBody(tracesBody, text, (body) => {
        controls.setTraces({
          ...(body.available && { available: body.available }),
          ...(body.missing && { missing: body.missing }),
          ...(body.spans && { spans: body.spans }),
        });
        return json(200, { success: true });
      });
    case "POST refuse":
      return withBody(refuseBody, text, ({ ms }) => {
        controls.refuseConnections(ms);
        return json(200, { success: true });
      });
    default:
      return json(404, { detail: "Not Found" });
  }
}

function withBody<T>(schema: z.ZodType<T>, text: string | undefined, act: (body: T) => Answer): Answer {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text ?? "");
  } catch {
    return failure(422, "The body is not JSON");
  }
  const body = schema.safeParse(parsed);
  if (!body.success) return failure(422, z.prettifyError(body.error));
  try {
    return act(body.data);
  } catch (error) {
    if (error instanceof TraceloadError) return failure(422, error.message);
    throw error;
  }
}

function ruleOf(body: z.infer<typeof faultsBody>["script"][number]): FaultRule {
  return {
    fault: body.fault,
    ...(body.nth !== undefined && { nth: body.nth }),
    ...(body.trace_id !== undefined && { traceId: body.trace_id }),
    ...(body.span_id !== undefined && { spanId: body.span_id }),
    ...(body.times !== undefined && { times: body.times }),
  };
}

/** Lines in bundles: a write for each of millions would take longer than the reading. */
function* recordLines(rows: Iterable<AppliedRow>): Generator<string> {
  let bundle: string[] = [];
  for (const row of rows) {
    bundle.push(
      JSON.stringify({
        seq: row.seq,
        time: row.time,
        dataset_group_id: row.datasetGroupId,
        draft_dataset_id: row.draftDatasetId,
        trace_id: row.traceId,
        span_id: row.spanId ?? null,
      }),
    );
    if (bundle.length === 1000) {
      yield `${bundle.join("\n")}\n`;
      bundle = [];
    }
  }
  if (bundle.length > 0) yield `${bundle.join("\n")}\n`;
}
