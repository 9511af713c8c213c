/** PromptLayer's own API: a trace with its spans, and what a search for requests finds. */
import { hasAny, isNoParent, jsonExportFormat, objectsIn, ofObject } from "../json/export-format.ts";

/** A trace comes whole: its ID may stand behind its spans. */
const MAX_TRACE_CHARS = 64 * 1024 * 1024;

export const promptlayerTraceFormat = jsonExportFormat({
  name: "promptlayer-trace",
  title: "PromptLayer trace",
  matches: (shape) =>
    shape.has("trace_id") &&
    shape.has("spans") &&
    (shape.has("success") || hasAny(shape, ["spans[].request_log_id"])),
  paths: [""],
  maxRecordChars: MAX_TRACE_CHARS,
  // A span's `id` counts PromptLayer's rows.
  spans: ofObject((trace) => {
    const traceId = trace["trace_id"];
    const spans = objectsIn(trace["spans"]);
    if (spans.length === 0) return [{ traceId }];
    return spans.map((span) => ({
      traceId,
      spanId: span["span_id"],
      isRoot: isNoParent(span["parent_id"] ?? span["parent_span_id"]),
    }));
  }),
});

export const promptlayerRequestsFormat = jsonExportFormat({
  name: "promptlayer-requests",
  title: "PromptLayer requests",
  matches: (shape) => shape.has("items") && shape.has("has_next") && shape.has("per_page"),
  paths: ["items[]"],
  cursors: ["has_next"],
  totals: { total: "items[]" },
  // A request that was logged outside of a trace names none, and its own ID is no trace's.
  spans: ofObject((request) => [{ traceId: request["trace_id"], spanId: request["span_id"] }]),
});
