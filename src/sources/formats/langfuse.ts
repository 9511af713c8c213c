/**
 * Langfuse: a trace as its page downloads it, pages of its API, and the exports of its tables. In a table of traces `id`
 * is the trace's; in one of observations it is the span's.
 */
import { hasAny, isNoParent, jsonExportFormat, ofObject, type JsonShape } from "../json/export-format.ts";
import { listExportFormat } from "./list-export.ts";

function isTracesPage(shape: JsonShape): boolean {
  return shape.has("data[].id") && hasAny(shape, ["data[].htmlPath", "data[].bookmarked"]);
}

function isObservationsPage(shape: JsonShape): boolean {
  return (
    shape.has("data[].traceId") &&
    shape.has("data[].id") &&
    hasAny(shape, ["data[].parentObservationId", "data[].completionStartTime"])
  );
}

export const langfuseFormat = jsonExportFormat({
  name: "langfuse",
  title: "Langfuse",
  matches: (shape) =>
    (shape.has("observations") && shape.has("trace.id")) ||
    (shape.has("meta") && (isTracesPage(shape) || isObservationsPage(shape))),
  paths: ["observations[]", "data[]"],
  cursors: ["meta.cursor"],
  totals: { "meta.totalItems": "data[]" },
  spans: ofObject((record) => {
    if (record["traceId"] !== undefined) {
      const isRoot = isNoParent(record["parentObservationId"]);
      return [{ traceId: record["traceId"], spanId: record["id"], isRoot }];
    }
    // A trace, with the IDs of its observations.
    const traceId = record["id"];
    const observations: unknown[] = Array.isArray(record["observations"]) ? record["observations"] : [];
    return observations.length === 0 ? [{ traceId }] : observations.map((spanId) => ({ traceId, spanId }));
  }),
});

const TRACE_MARKS = ["bookmarked", "observationcount", "htmlpath"];
/** A session has traces, and is none. */
const SESSION_MARKS = ["counttraces", "sessionduration", "tracetags"];

export const langfuseTracesFormat = listExportFormat({
  name: "langfuse-traces",
  title: "Langfuse table of traces",
  matches: (names) =>
    names.has("id") &&
    names.has("timestamp") &&
    !names.has("traceid") &&
    TRACE_MARKS.some((mark) => names.has(mark)) &&
    !SESSION_MARKS.some((mark) => names.has(mark)),
  columns: { trace: "id" },
});

const OBSERVATION_MARKS = [
  "parentobservationid",
  "completionstarttime",
  "providedmodelname",
  "timetofirsttoken",
];

export const langfuseObservationsFormat = listExportFormat({
  name: "langfuse-observations",
  title: "Langfuse table of observations",
  matches: (names) =>
    names.has("id") && names.has("traceid") && OBSERVATION_MARKS.some((mark) => names.has(mark)),
  columns: { trace: "traceId", span: "id", parent: "parentObservationId" },
});
