/**
 * What the exporters of OpenTelemetry's SDKs print as JSON for people to look at: Python's and PHP's `context`, Go's
 * `SpanContext`; and Python's log records. Documents follow one another, over several lines or each on one.
 */
import { hasAny, isNoParent, jsonExportFormat, ofObject, type JsonShape } from "../json/export-format.ts";
import type { JsonObject } from "../record.ts";
import { isJsonObject } from "./json-object.ts";

const PLACES = [
  { at: "[].", path: "[]" },
  { at: "", path: "" },
];

function isPrintedAt(shape: JsonShape, at: string): boolean {
  const has = (...keys: string[]) => keys.every((key) => shape.has(at + key));
  const isSpan =
    has("context.trace_id", "context.span_id") &&
    hasAny(
      shape,
      ["context.trace_state", "status.status_code", "resource"].map((key) => at + key),
    );
  const isLog = has("trace_id", "span_id", "severity_number", "body", "resource");
  return isSpan || isLog || has("SpanContext.TraceID", "SpanContext.SpanID");
}

function parentOf(span: JsonObject): unknown {
  const { Parent: parent } = span;
  if (isJsonObject(parent)) return parent["SpanID"];
  return span["parent_id"] ?? span["parent_span_id"];
}

/** Python writes hex with `0x` before it. */
function isRoot(span: JsonObject): boolean {
  const parent = parentOf(span);
  return isNoParent(typeof parent === "string" ? parent.replace(/^0x/, "") : parent);
}

function isNoTrace(id: unknown): boolean {
  return typeof id === "string" ? /^(?:0x)?0*$/.test(id) : isNoParent(id);
}

export const otelConsoleFormat = jsonExportFormat({
  name: "otel-console",
  title: "OpenTelemetry console output",
  matches: (shape) => PLACES.some(({ at }) => isPrintedAt(shape, at)),
  paths: (shape) =>
    PLACES.filter(({ at }) => isPrintedAt(shape, at))
      .slice(0, 1)
      .map(({ path }) => path),
  spans: ofObject((record) => {
    const go = record["SpanContext"];
    if (isJsonObject(go)) return [{ traceId: go["TraceID"], spanId: go["SpanID"], isRoot: isRoot(record) }];
    const python = record["context"];
    if (isJsonObject(python)) {
      return [{ traceId: python["trace_id"], spanId: python["span_id"], isRoot: isRoot(record) }];
    }
    // A log record outside of a trace, or a batch of metrics between the spans, names none.
    if (isNoTrace(record["trace_id"])) return [];
    return [{ traceId: record["trace_id"], spanId: record["span_id"] }];
  }),
});
