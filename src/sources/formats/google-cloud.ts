/** Google Cloud: spans of Trace (v2), traces of Trace (v1), and log entries that name their trace. */
import { hasAny, isNoParent, jsonExportFormat, objectsIn, ofObject } from "../json/export-format.ts";

const NAME = /^(projects\/[^/]+\/traces\/[^/]+)\/spans\/[^/]+$/;

export const googleTraceFormat = jsonExportFormat({
  name: "google-trace",
  title: "Google Cloud Trace",
  matches: (shape) =>
    (shape.has("spans[].name") && shape.has("spans[].spanId") && hasAny(shape, ["spans[].displayName"])) ||
    (shape.has("traces[].traceId") && shape.has("traces[].projectId")),
  paths: ["spans[]", "traces[]"],
  cursors: ["nextPageToken"],
  spans: ofObject((record, path) => {
    if (path === "traces[]") {
      const traceId = record["traceId"];
      const spans = objectsIn(record["spans"]);
      if (spans.length === 0) return [{ traceId }];
      return spans.map((span) => ({
        traceId,
        spanId: span["spanId"],
        isRoot: isNoParent(span["parentSpanId"]),
      }));
    }
    const traceId = NAME.exec(String(record["name"]))?.[1];
    return [{ traceId, spanId: record["spanId"], isRoot: isNoParent(record["parentSpanId"]) }];
  }),
});

const ENTRIES = [
  { seen: "entries[].logName", path: "entries[]" },
  { seen: "writeLogEntriesRequests[].entries", path: "writeLogEntriesRequests[].entries[]" },
  { seen: "[].logName", path: "[]" },
  { seen: "logName", path: "" },
];

export const googleLoggingFormat = jsonExportFormat({
  name: "google-logging",
  title: "Google Cloud Logging",
  matches: (shape) => ENTRIES.some(({ seen }) => shape.has(seen)),
  paths: (shape) =>
    ENTRIES.filter(({ seen }) => shape.has(seen))
      .slice(0, 1)
      .map(({ path }) => path),
  cursors: ["nextPageToken"],
  // An entry outside of a trace names none.
  spans: ofObject((entry) =>
    isNoParent(entry["trace"]) ? [] : [{ traceId: entry["trace"], spanId: entry["spanId"] }],
  ),
});
