/** Jaeger: what its UI downloads and its API answers, bare traces, bare spans, and the spans of its Elasticsearch store. */
import { hasAny, jsonExportFormat, objectsIn, ofObject } from "../json/export-format.ts";
import type { JsonObject } from "../record.ts";

/** Where its spans stand, by what is seen of the document. */
const PLACES = [
  { seen: "data[].spans", path: "data[].spans[]" },
  { seen: "data.spans", path: "data.spans[]" },
  { seen: "[].spans", path: "[].spans[]" },
  { seen: "spans", path: "spans[]" },
  { seen: "[].spanID", path: "[]" },
  { seen: "spanID", path: "" },
];

/** Spans link to others, too; only a child's reference into its own trace makes it one. */
function isRoot({ traceID, references, parentSpanID }: JsonObject): boolean {
  if (parentSpanID !== undefined && parentSpanID !== "") return false;
  return !objectsIn(references).some(
    (reference) =>
      reference["refType"] === "CHILD_OF" &&
      (reference["traceID"] === undefined || reference["traceID"] === traceID),
  );
}

export const jaegerFormat = jsonExportFormat({
  name: "jaeger",
  title: "Jaeger",
  matches: (shape) =>
    hasAny(shape, ["data[].spans[].spanID", "data.spans[].spanID", "[].spans[].spanID", "spans[].spanID"]) ||
    (shape.has("data[].spans") && hasAny(shape, ["data[].traceID", "data[].processes"])) ||
    (hasAny(shape, ["[].traceID"]) &&
      shape.has("[].spanID") &&
      hasAny(shape, ["[].references", "[].operationName"])) ||
    (shape.has("traceID") && shape.has("spanID") && hasAny(shape, ["references", "operationName"])),
  paths: (shape) =>
    PLACES.filter(({ seen }) => shape.has(seen))
      .slice(0, 1)
      .map(({ path }) => path),
  spans: ofObject((span) => [{ traceId: span["traceID"], spanId: span["spanID"], isRoot: isRoot(span) }]),
});
