/** Braintrust: rows of its logs as its API answers them, and as exports to cloud storage write them, one a line. */
import { hasAny, isNoParent, jsonExportFormat, ofObject, type JsonShape } from "../json/export-format.ts";

const PLACES = [
  { at: "events[].", path: "events[]" },
  { at: "data[].", path: "data[]" },
  { at: "[].", path: "[]" },
  { at: "", path: "" },
];

/** Keys that stand beside the IDs in Braintrust's rows, and hardly in others. */
const MARKS = ["span_parents", "span_attributes", "is_root", "_xact_id", "log_id"];

function isRowAt(shape: JsonShape, at: string): boolean {
  return shape.has(`${at}root_span_id`) && hasAny(shape, [`${at}span_id`, ...MARKS.map((key) => at + key)]);
}

/** `span_parents` is a list, which a root has empty or not at all. */
function isRoot(row: { readonly [key: string]: unknown }): boolean {
  const { span_parents: parents, is_root: said } = row;
  if (typeof said === "boolean") return said;
  return Array.isArray(parents) ? parents.length === 0 : isNoParent(parents);
}

export const braintrustFormat = jsonExportFormat({
  name: "braintrust",
  title: "Braintrust logs",
  matches: (shape) => PLACES.some(({ at }) => isRowAt(shape, at)),
  paths: (shape) =>
    PLACES.filter(({ at }) => isRowAt(shape, at))
      .slice(0, 1)
      .map(({ path }) => path),
  cursors: ["cursor"],
  // A row's `id` is its own; a trace is known by the ID of its root span.
  spans: ofObject((row) => [{ traceId: row["root_span_id"], spanId: row["span_id"], isRoot: isRoot(row) }]),
});
