/** Elasticsearch and OpenSearch: answers of `_search` and `_msearch`, `_bulk` files; and Elastic APM's intake. */
import { hasAny, isNoParent, jsonExportFormat, ofObject, type ExportedSpan } from "../json/export-format.ts";
import { fieldOf } from "../json/fields.ts";
import type { JsonObject } from "../record.ts";
import { isJsonObject } from "./json-object.ts";

function firstOf(document: JsonObject, names: readonly string[]): unknown {
  return names.map((name) => fieldOf(document, name)).find((value) => value !== undefined && value !== null);
}

const TRACE = ["traceId", "trace_id", "traceID", "trace.id", "TraceId"];
const SPAN = ["spanId", "span_id", "spanID", "span.id", "SpanId", "transaction.id"];
const PARENT = ["parentSpanId", "parent_span_id", "parentSpanID", "parent.id"];

function documentSpan(document: JsonObject): ExportedSpan[] {
  const traceId = firstOf(document, TRACE);
  const references = fieldOf(document, "references");
  const isRoot = Array.isArray(references) ? references.length === 0 : isNoParent(firstOf(document, PARENT));
  return [{ traceId, spanId: firstOf(document, SPAN), isRoot }];
}

export const elasticSearchFormat = jsonExportFormat({
  name: "elasticsearch",
  title: "Elasticsearch or OpenSearch search",
  matches: (shape) => hasAny(shape, ["hits.hits", "responses[].hits.hits"]),
  paths: ["hits.hits[]", "responses[].hits.hits[]"],
  totals: {
    "hits.total.value": "hits.hits[]",
    "responses[].hits.total.value": "responses[].hits.hits[]",
  },
  spans: ofObject((hit) => {
    const source = isJsonObject(hit["_source"]) ? hit["_source"] : hit["fields"];
    return isJsonObject(source) ? documentSpan(source) : [{ traceId: undefined }];
  }),
});

/** Lines that say what is done with the next one. */
const ACTIONS = new Set(["index", "create", "update", "delete"]);

export const elasticBulkFormat = jsonExportFormat({
  name: "elasticsearch-bulk",
  title: "Elasticsearch or OpenSearch bulk file",
  matches: (shape) => hasAny(shape, ["index._index", "create._index", "index._id", "create._id"]),
  paths: [""],
  spans: ofObject((line) => {
    const [key = "", ...others] = Object.keys(line);
    if (others.length === 0 && ACTIONS.has(key) && isJsonObject(line[key])) {
      return [];
    }
    return documentSpan(isJsonObject(line["doc"]) ? line["doc"] : line);
  }),
});

export const elasticApmFormat = jsonExportFormat({
  name: "elastic-apm",
  title: "Elastic APM intake",
  matches: (shape) =>
    hasAny(shape, ["transaction.trace_id", "span.trace_id"]) ||
    (shape.has("metadata") && hasAny(shape, ["transaction", "span", "error", "metricset"])),
  paths: ["transaction", "span"],
  passedOver: { error: "errors", metricset: "metric sets", log: "logs" },
  spans: ofObject((event) => [
    { traceId: event["trace_id"], spanId: event["id"], isRoot: isNoParent(event["parent_id"]) },
  ]),
});
