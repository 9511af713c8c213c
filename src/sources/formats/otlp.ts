/**
 * OTLP JSON: documents, one a line as the Collector's file exporter writes them, or one after the other. Also under the
 * roofs that Tempo, Grafana and Jaeger's api_v3 put over them.
 */
import { hasAny, isNoParent, jsonExportFormat, ofObject, type JsonShape } from "../json/export-format.ts";
import { fromProtoBytes } from "../json/ids.ts";

/** Where a list of resources' spans stands. */
const ROOFS = ["", "trace.", "result.", "data."];
const LISTS = ["resourceSpans", "resource_spans", "batches"];
const SCOPES: readonly (readonly [string, string])[] = [
  ["scopeSpans", "spans"],
  ["scope_spans", "spans"],
  ["instrumentationLibrarySpans", "spans"],
  ["instrumentation_library_spans", "spans"],
];

const RESOURCES = ROOFS.flatMap((roof) => LISTS.map((list) => `${roof}${list}`));

/** `batches` is a word that others use, too. */
function isResources(shape: JsonShape, path: string): boolean {
  if (!path.endsWith("batches")) return shape.has(path);
  return hasAny(shape, [`${path}[].resource`, ...SCOPES.map(([scope]) => `${path}[].${scope}`)]);
}

const span = ofObject((record) => [
  {
    traceId: fromProtoBytes(record["traceId"] ?? record["trace_id"], 16),
    spanId: fromProtoBytes(record["spanId"] ?? record["span_id"], 8),
    isRoot: isRoot(record["parentSpanId"] ?? record["parent_span_id"]),
  },
]);

/** Zeros in base64 are As. */
function isRoot(parent: unknown): boolean {
  return isNoParent(parent) || /^A+=*$/.test(String(parent));
}

export const otlpFormat = jsonExportFormat({
  name: "otlp",
  title: "OTLP JSON",
  matches: (shape) => RESOURCES.some((path) => isResources(shape, path)) || shape.has("scopeSpans[].spans"),
  paths: [
    ...RESOURCES.flatMap((resource) => SCOPES.map(([scope, spans]) => `${resource}[].${scope}[].${spans}[]`)),
    // A resource a line, as Java's exporter prints them.
    "scopeSpans[].spans[]",
  ],
  passedOver: { "resourceLogs[]": "log batches", "resourceMetrics[]": "metric batches" },
  spans: span,
});

export const otlpLogsFormat = jsonExportFormat({
  name: "otlp-logs",
  title: "OTLP JSON logs",
  matches: (shape) => hasAny(shape, ["resourceLogs", "resource_logs"]),
  paths: ["resourceLogs[].scopeLogs[].logRecords[]", "resource_logs[].scope_logs[].log_records[]"],
  passedOver: { "resourceMetrics[]": "metric batches" },
  // A log line outside of a trace names none.
  spans: (record, path) => span(record, path)?.filter(({ traceId }) => !isNoParent(traceId)),
});
