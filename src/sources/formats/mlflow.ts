/** MLflow: traces with their spans, as `Trace.to_json` and its command write them, and pages of searches. */
import {
  hasAny,
  isNoParent,
  jsonExportFormat,
  objectsIn,
  ofObject,
  type ExportedSpan,
  type JsonShape,
} from "../json/export-format.ts";
import { fromProtoBytes } from "../json/ids.ts";
import type { JsonObject } from "../record.ts";
import { eitherFormat } from "./either-form.ts";
import { isJsonObject } from "./json-object.ts";
import { listExportFormat } from "./list-export.ts";

/** A trace comes whole: its ID may stand behind its spans. */
const MAX_TRACE_CHARS = 64 * 1024 * 1024;

const PLACES = [
  { at: "", path: "" },
  { at: "[].", path: "[]" },
  { at: "traces[].", path: "traces[]" },
];

/** Keys of what MLflow says of a trace, beside its ID. */
const MARKS = ["trace_location", "experiment_id", "request_time", "timestamp_ms", "trace_metadata", "tags"];

function isTraceAt(shape: JsonShape, at: string): boolean {
  const holdsSpans = hasAny(shape, [`${at}info.trace_id`, `${at}info.request_id`]) && shape.has(`${at}data`);
  const isInfo =
    at === "traces[]." &&
    hasAny(shape, [`${at}trace_id`, `${at}request_id`]) &&
    hasAny(
      shape,
      MARKS.map((key) => at + key),
    );
  return holdsSpans || isInfo;
}

/** Before version 3 the IDs stand in `context`, as `0x` and hex; since then beside it, as base64. */
function spanOf(traceId: unknown, span: JsonObject): ExportedSpan {
  const ids = isJsonObject(span["context"]) ? span["context"] : span;
  const isRoot = isNoParent(span["parent_span_id"] ?? span["parent_id"]);
  return { traceId, spanId: fromProtoBytes(ids["span_id"], 8), isRoot };
}

const traces = jsonExportFormat({
  name: "mlflow",
  title: "MLflow traces",
  matches: (shape) => PLACES.some(({ at }) => isTraceAt(shape, at)),
  paths: (shape) =>
    PLACES.filter(({ at }) => isTraceAt(shape, at))
      .slice(0, 1)
      .map(({ path }) => path),
  cursors: ["next_page_token"],
  maxRecordChars: MAX_TRACE_CHARS,
  // The trace's ID is MLflow's own, `tr-…`: its spans have OpenTelemetry's, which MLflow does not search by.
  spans: ofObject((trace) => {
    const info = isJsonObject(trace["info"]) ? trace["info"] : trace;
    const traceId = info["trace_id"] ?? info["request_id"];
    const data = isJsonObject(trace["data"]) ? trace["data"] : {};
    const spans = objectsIn(data["spans"]);
    return spans.length === 0 ? [{ traceId }] : spans.map((span) => spanOf(traceId, span));
  }),
});

/** What `search_traces` answers, written as CSV or JSON: since version 3 the column is called `trace_id`. */
const frame = listExportFormat({
  name: "mlflow",
  title: "MLflow traces",
  matches: (names) =>
    (names.has("requestid") && names.has("executiontimems")) ||
    (names.has("traceid") && names.has("executionduration") && names.has("tracemetadata")),
  columns: { trace: "request_id" },
});

export const mlflowFormat = eitherFormat(traces, frame);
