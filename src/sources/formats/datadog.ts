/** Datadog: answers of the spans API, and the traces that tracers hand to the agent. IDs are decimal, as written. */
import { isNoParent, jsonExportFormat, ofObject } from "../json/export-format.ts";

export const datadogFormat = jsonExportFormat({
  name: "datadog",
  title: "Datadog spans",
  matches: (shape) => shape.has("data[].attributes.trace_id") && shape.has("data[].attributes.span_id"),
  paths: ["data[].attributes"],
  cursors: ["meta.page.after", "links.next"],
  exactNumbers: true,
  spans: ofObject((span) => [
    { traceId: span["trace_id"], spanId: span["span_id"], isRoot: isNoParent(span["parent_id"]) },
  ]),
});

export const datadogAgentFormat = jsonExportFormat({
  name: "datadog-agent",
  title: "Datadog agent traces",
  matches: (shape) => shape.has("[][].trace_id") && shape.has("[][].span_id"),
  paths: ["[][]"],
  exactNumbers: true,
  spans: ofObject((span) => [
    {
      traceId: span["trace_id"],
      spanId: span["span_id"],
      isRoot: isNoParent(span["parent_id"]),
      // They are the lower 64 bits, which may be 0: the upper ones stand in the tags of the trace's first span.
      zeroIsAnId: true,
    },
  ]),
});
