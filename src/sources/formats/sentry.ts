/** Sentry envelopes: the transactions in them, and their spans. */
import { hasAny, isNoParent, jsonExportFormat, ofObject } from "../json/export-format.ts";

export const sentryFormat = jsonExportFormat({
  name: "sentry",
  title: "Sentry envelope",
  matches: (shape) =>
    (shape.has("contexts.trace.trace_id") && hasAny(shape, ["transaction", "event_id", "platform"])) ||
    (shape.has("sent_at") && hasAny(shape, ["event_id", "dsn", "sdk"])),
  paths: ["contexts.trace", "spans[]", "items[]"],
  // Newer SDKs send spans as items by themselves; logs and metrics are such items, too, and have no end.
  spans: ofObject((span, path) =>
    path === "items[]" && span["end_timestamp"] === undefined
      ? []
      : [{ traceId: span["trace_id"], spanId: span["span_id"], isRoot: isNoParent(span["parent_span_id"]) }],
  ),
});
