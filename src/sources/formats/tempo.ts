/** Tempo: what a search answers. (Whole traces by ID are OTLP.) */
import { hasAny, jsonExportFormat, objectsIn, ofObject } from "../json/export-format.ts";
import { isJsonObject } from "./json-object.ts";

export const tempoFormat = jsonExportFormat({
  name: "tempo",
  title: "Tempo search",
  matches: (shape) =>
    shape.has("traces[].traceID") &&
    hasAny(shape, [
      "traces[].spanSet",
      "traces[].spanSets",
      "traces[].rootServiceName",
      "traces[].startTimeUnixNano",
    ]),
  paths: ["traces[]"],
  // The spans are those that the search found; `spanSet` says the first of `spanSets` again.
  spans: ofObject((trace) => {
    const traceId = trace["traceID"];
    const sets = [trace["spanSet"], ...(Array.isArray(trace["spanSets"]) ? trace["spanSets"] : [])];
    const spans = sets.filter(isJsonObject).flatMap((set) => objectsIn(set["spans"]));
    return spans.length === 0 ? [{ traceId }] : spans.map((span) => ({ traceId, spanId: span["spanID"] }));
  }),
});
