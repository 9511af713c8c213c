/**
 * `import --dry-run --remote`: asks the API whether the traces, spans and dataset groups that rows name are there. GETs
 * only, one slot of the limit for each.
 */
import type { Api, ApiAnswer } from "../core/api.ts";
import type { Clock } from "../core/clock.ts";
import type { NewRow } from "../core/store.ts";

export interface RemoteCheckParts {
  api: Pick<Api, "getTrace" | "listDatasets">;
  clock: Clock;
  takeSlot: (signal: AbortSignal) => Promise<void>;
  /** Holds everybody back who sends with this key. */
  pause: (ms: number) => Promise<void>;
  /** Questions under way at once, at most. */
  concurrency: number;
  /** The group that was asked about before. */
  knownGroupId: number | undefined;
}

export type RemoteCode = "trace_not_found" | "span_not_found";

export interface RemoteFindings {
  /** Traces that were asked about, each once as long as it is remembered. */
  tracesAsked: number;
  /** Rows, by what the API said of them. */
  found: number;
  traceNotFound: number;
  spanNotFound: number;
  notAsked: number;
  /** Why the first of these could not be asked about. */
  reason: string | undefined;
  /** Groups that rows name themselves, the first twenty; undefined: it could not be asked. */
  groups: { datasetGroupId: string; found: boolean | undefined }[];
  /** The first rows that were not found. */
  examples: { source: number; line: number; traceId: string; spanId: string; code: RemoteCode }[];
}

export interface RemoteCheck {
  /** Asks about the rows; those that are not found get the code and a sentence. Rejects only when the signal aborts. */
  ask(rows: readonly NewRow[], signal: AbortSignal): Promise<void>;
  findings(): RemoteFindings;
}

const MOST_EXAMPLES = 5;
const MOST_GROUPS = 20;
/** Traces remembered: spans of one mostly stand near each other. */
const REMEMBERED = 500;
const MAX_ATTEMPTS = 3;
const MAX_REFUSALS = 20;
const RETRY_MS = 500;
/** A server that asks for a longer pause has other things to do. */
const LONGEST_PAUSE_MS = 120_000;
/** Then the server is taken to be in trouble, and is left alone. */
const FAILURES_IN_A_ROW = 5;

type TraceAnswer =
  | { kind: "found"; spanIds: ReadonlySet<string> }
  | { kind: "not-found" }
  | { kind: "not-asked"; reason: string };

export function makeRemoteCheck(parts: RemoteCheckParts): RemoteCheck {
  const { api, concurrency } = parts;
  const findings: RemoteFindings = {
    tracesAsked: 0,
    found: 0,
    traceNotFound: 0,
    spanNotFound: 0,
    notAsked: 0,
    reason: undefined,
    groups: [],
    examples: [],
  };
  const traces = new Map<string, Promise<TraceAnswer>>();
  /** Why no more is asked. */
  let given: string | undefined;
  let failures = 0;

  const question = async <T>(
    ask: () => Promise<ApiAnswer<T>>,
    signal: AbortSignal,
  ): Promise<{ value: T } | "not-found" | { reason: string }> => {
    let attempts = 0;
    for (let refusals = 0; ;) {
      if (given !== undefined) return { reason: given };
      await parts.takeSlot(signal);
      if (given !== undefined) return { reason: given };
      const answer = await ask();
      if (answer.ok || answer.kind === "not_found") {
        failures = 0;
        return answer.ok ? { value: answer.value } : "not-found";
      }
      const { kind, message, retryInMs } = answer;
      switch (kind) {
        case "rate_limited": {
          const pauseMs = retryInMs ?? RETRY_MS * 2 ** Math.min(refusals, 6);
          refusals += 1;
          if (pauseMs > LONGEST_PAUSE_MS || refusals > MAX_REFUSALS) {
            given ??= `the server asks for a pause of ${Math.ceil(pauseMs / 1000)} s: ${message}`;
          } else await parts.pause(pauseMs);
          break;
        }
        case "server_error":
        case "unreachable":
          attempts += 1;
          failures += 1;
          if (failures >= FAILURES_IN_A_ROW * concurrency) given ??= message;
          if (attempts >= MAX_ATTEMPTS) return { reason: message };
          await parts.clock.sleep(retryInMs ?? RETRY_MS * attempts, signal);
          break;
        case "rejected":
        case "conflict":
          return { reason: message };
        case "unauthorized":
        case "forbidden":
        case "wrong_endpoint":
          given ??= message;
          break;
        default:
          kind satisfies never;
      }
    }
  };

  const traceOf = (traceId: string, signal: AbortSignal): Promise<TraceAnswer> => {
    const known = traces.get(traceId);
    if (known !== undefined) return known;
    findings.tracesAsked += 1;
    const asked = question(() => api.getTrace(traceId, { signal }), signal).then((answer): TraceAnswer => {
      if (answer === "not-found") return { kind: "not-found" };
      if ("reason" in answer) return { kind: "not-asked", reason: answer.reason };
      return { kind: "found", spanIds: new Set(answer.value.spanIds) };
    });
    traces.set(traceId, asked);
    for (const oldest of traces.keys()) {
      if (traces.size <= REMEMBERED) break;
      traces.delete(oldest);
    }
    return asked;
  };

  const note = (row: NewRow, code: RemoteCode, message: string) => {
    row.errorCode = code;
    row.error = message;
    findings[code === "trace_not_found" ? "traceNotFound" : "spanNotFound"] += 1;
    const { source, line, traceId, spanId } = row;
    if (findings.examples.length < MOST_EXAMPLES)
      findings.examples.push({ source, line, traceId, spanId, code });
  };

  const askAbout = async (row: NewRow, signal: AbortSignal): Promise<void> => {
    const answer = await traceOf(row.traceId, signal);
    if (answer.kind === "not-asked") {
      findings.notAsked += 1;
      findings.reason ??= answer.reason;
    } else if (answer.kind === "not-found") note(row, "trace_not_found", "the API does not know this trace");
    else if (row.spanId !== "" && !answer.spanIds.has(row.spanId))
      note(row, "span_not_found", "the API knows the trace, but no such span in it");
    else findings.found += 1;
  };

  const askGroups = async (rows: readonly NewRow[], signal: AbortSignal): Promise<void> => {
    for (const { datasetGroupId } of rows) {
      const isKnown = findings.groups.some((group) => group.datasetGroupId === datasetGroupId);
      if (isKnown || Number(datasetGroupId) === parts.knownGroupId || findings.groups.length >= MOST_GROUPS)
        continue;
      const group: RemoteFindings["groups"][number] = { datasetGroupId, found: undefined };
      findings.groups.push(group);
      const answer = await question(() => api.listDatasets(Number(datasetGroupId), { signal }), signal);
      if (answer === "not-found") group.found = false;
      else if ("value" in answer) group.found = answer.value.length > 0;
    }
  };

  return {
    findings: () => findings,
    ask: async (rows, signal) => {
      await askGroups(rows, signal);
      let next = 0;
      const askOn = async (): Promise<void> => {
        for (let row = rows[next++]; row !== undefined; row = rows[next++]) await askAbout(row, signal);
      };
      await Promise.all(Array.from({ length: concurrency }, askOn));
    },
  };
}

/** Which of `rows` to ask about, by their place: at most `most`, evenly spread, always the same. */
export function isInSample(place: number, rows: number, most: number): boolean {
  if (most >= rows) return true;
  return Math.floor(((place + 1) * most) / rows) > Math.floor((place * most) / rows);
}
