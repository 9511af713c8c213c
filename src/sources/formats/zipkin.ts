/** Zipkin v1 and v2: an array of spans, or an array of traces. The two sides of a call share one span ID. */
import { hasAny, isNoParent, jsonExportFormat, ofObject, type JsonShape } from "../json/export-format.ts";

/** Keys that no other system's spans have beside `traceId` and `id`. */
const MARKS = [
  "localEndpoint",
  "remoteEndpoint",
  "annotations",
  "binaryAnnotations",
  "binary_annotations",
  "kind",
  "duration",
  "timestamp",
];

function isSpanAt(shape: JsonShape, at: string): boolean {
  const key = (name: string) => (at === "" ? name : `${at}.${name}`);
  return (
    hasAny(shape, [key("traceId"), key("trace_id")]) &&
    shape.has(key("id")) &&
    !hasAny(shape, [key("spanId"), key("span_id"), key("run_type"), key("traceIdLow")]) &&
    hasAny(shape, MARKS.map(key))
  );
}

const PLACES = ["[][]", "[]", ""];

export const zipkinFormat = jsonExportFormat({
  name: "zipkin",
  title: "Zipkin",
  matches: (shape) => PLACES.some((place) => isSpanAt(shape, place)),
  paths: (shape) => PLACES.filter((place) => isSpanAt(shape, place)).slice(0, 1),
  // v1's IDs may be numbers.
  exactNumbers: true,
  spans: ofObject((span) => [
    {
      traceId: span["traceId"] ?? span["trace_id"],
      spanId: span["id"],
      isRoot: isNoParent(span["parentId"] ?? span["parent_id"]),
    },
  ]),
});
