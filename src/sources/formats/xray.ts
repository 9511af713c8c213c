/** AWS X-Ray: segment documents, and what `batch-get-traces` and `get-trace-summaries` answer. */
import {
  hasAny,
  isNoParent,
  jsonExportFormat,
  objectsIn,
  ofObject,
  type ExportedSpan,
} from "../json/export-format.ts";
import type { JsonObject } from "../record.ts";
import { isJsonObject, parseJson } from "./json-object.ts";

/** A segment and the subsegments in it, which name their trace only through it. */
function segmentSpans(segment: JsonObject): ExportedSpan[] {
  const traceId = segment["trace_id"];
  const spans: ExportedSpan[] = [];
  // They nest as deep as a file likes: no call stack holds that.
  const open = [segment];
  for (let document = open.pop(); document !== undefined; document = open.pop()) {
    const isRoot = document === segment && isNoParent(segment["parent_id"]);
    spans.push({ traceId, spanId: document["id"], isRoot });
    for (const inner of objectsIn(document["subsegments"]).toReversed()) open.push(inner);
  }
  return spans;
}

export const xrayFormat = jsonExportFormat({
  name: "xray",
  title: "AWS X-Ray",
  matches: (shape) =>
    hasAny(shape, ["Traces[].Segments", "TraceSummaries", "UnprocessedTraceIds", "Segments[].Document"]) ||
    (shape.has("trace_id") &&
      shape.has("id") &&
      shape.has("start_time") &&
      hasAny(shape, ["subsegments", "in_progress", "aws", "end_time", "origin"])),
  paths: (shape) => {
    if (shape.has("Traces")) return ["Traces[].Segments[]"];
    if (shape.has("TraceSummaries")) return ["TraceSummaries[]"];
    return shape.has("Segments") ? ["Segments[]"] : [""];
  },
  cursors: ["NextToken"],
  missing: "UnprocessedTraceIds[]",
  spans: ofObject((record, path) => {
    if (path === "TraceSummaries[]") return [{ traceId: record["Id"] }];
    if (path === "") return segmentSpans(record);
    const text = record["Document"];
    const document = typeof text === "string" ? parseJson(text) : undefined;
    return document?.ok === true && isJsonObject(document.value)
      ? segmentSpans(document.value)
      : [{ traceId: undefined, spanId: record["Id"] }];
  }),
});
