/** Honeycomb: results of queries as its API answers them, and events as its UI downloads them or libhoney writes them. */
import { hasAny, isNoParent, jsonExportFormat, ofObject, type JsonShape } from "../json/export-format.ts";
import { fieldOf } from "../json/fields.ts";
import { eitherFormat } from "./either-form.ts";
import { listExportFormat } from "./list-export.ts";

/** Where an event's fields stand. */
const PLACES = [
  { at: "data.results[].data.", path: "data.results[].data" },
  { at: "results[].data.", path: "results[].data" },
  { at: "[].data.", path: "[].data" },
  { at: "data.", path: "data" },
  { at: "[].", path: "[]" },
  { at: "", path: "" },
];

const isEventAt = (shape: JsonShape, at: string): boolean =>
  shape.has(`${at}trace.trace_id`) &&
  (at.endsWith("data.") ||
    hasAny(
      shape,
      ["trace.span_id", "trace.parent_id", "duration_ms", "Timestamp"].map((key) => at + key),
    ));

const events = jsonExportFormat({
  name: "honeycomb",
  title: "Honeycomb events",
  matches: (shape) => PLACES.some(({ at }) => isEventAt(shape, at)),
  paths: (shape) =>
    PLACES.filter(({ at }) => isEventAt(shape, at))
      .slice(0, 1)
      .map(({ path }) => path),
  spans: ofObject((event) => {
    const [traceId, spanId] = [fieldOf(event, "trace.trace_id"), fieldOf(event, "trace.span_id")];
    // A group of a query's result may name the trace alone.
    if (spanId === undefined) return [{ traceId }];
    return [{ traceId, spanId, isRoot: isNoParent(fieldOf(event, "trace.parent_id")) }];
  }),
});

/** What the UI downloads as CSV. */
const table = listExportFormat({
  name: "honeycomb",
  title: "Honeycomb events",
  matches: (names) => names.has("tracetraceid"),
  columns: { trace: "trace.trace_id", span: "trace.span_id", parent: "trace.parent_id" },
});

export const honeycombFormat = eitherFormat(events, table);
