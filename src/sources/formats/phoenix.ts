/** Arize Phoenix: its DataFrame of spans, however it was written, and pages of its REST API. */
import { hasAny, isNoParent, jsonExportFormat, ofObject, type JsonShape } from "../json/export-format.ts";
import { isJsonObject } from "./json-object.ts";
import { listExportFormat } from "./list-export.ts";

/** The DataFrame's index is the span's ID: written without it, the table names traces alone. */
export const phoenixFormat = listExportFormat({
  name: "phoenix",
  title: "Phoenix DataFrame of spans",
  matches: (names) =>
    names.has("contexttraceid") &&
    (names.has("spankind") || [...names].some((name) => name.startsWith("attributesopeninference"))),
  columns: { trace: "context.trace_id", span: "context.span_id", parent: "parent_id" },
});

/** Spans as they are, spans as OTLP has them, or traces. */
function isPage(shape: JsonShape): boolean {
  return (
    (shape.has("data[].context.trace_id") && hasAny(shape, ["data[].span_kind", "next_cursor"])) ||
    (shape.has("data[].trace_id") && shape.has("data[].project_id")) ||
    (shape.has("next_cursor") && shape.has("data[].trace_id") && shape.has("data[].attributes[].key"))
  );
}

export const phoenixApiFormat = jsonExportFormat({
  name: "phoenix-api",
  title: "Phoenix API",
  matches: isPage,
  paths: ["data[]"],
  cursors: ["next_cursor"],
  // `id` is the API's own, and none that a tracer gave.
  spans: ofObject((record) => {
    const ids = isJsonObject(record["context"]) ? record["context"] : record;
    if (ids["span_id"] === undefined) return [{ traceId: ids["trace_id"] }];
    const isRoot = isNoParent(record["parent_id"] ?? record["parent_span_id"]);
    return [{ traceId: ids["trace_id"], spanId: ids["span_id"], isRoot }];
  }),
});
