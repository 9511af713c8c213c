/** Braintrust: rows of its logs as its API answers them, and as exports to cloud storage write them, one a line. */
import { TraceloadError } from "../../core/errors.ts";
import { foldName } from "../columns.ts";
import { withFirstPiece } from "../first-piece.ts";
import { sourceHead } from "../head.ts";
import { hasAny, isNoParent, jsonExportFormat, ofObject, type JsonShape } from "../json/export-format.ts";
import type { RecordFormat } from "../record.ts";
import { eitherFormat } from "./either-form.ts";
import { listExportFormat } from "./list-export.ts";

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

const rows = jsonExportFormat({
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

/** Of a table that names spans, and is Braintrust's: the UI's own, or rows that a query selected. */
function isTable(names: ReadonlySet<string>): boolean {
  if (!names.has("spanid") || names.has("traceid")) return false;
  return (
    MARKS.some((mark) => names.has(foldName(mark))) ||
    (names.has("input") && (names.has("comments") || names.has("scores")))
  );
}

const lists = listExportFormat({
  name: "braintrust",
  title: "Braintrust logs",
  matches: isTable,
  columns: { trace: "root_span_id", span: "span_id" },
});

const table: RecordFormat = {
  ...lists,
  async *records(text, source) {
    const { head, all } = await withFirstPiece(text);
    const names = sourceHead(head, false).names();
    if (!names.has("rootspanid") && isTable(names)) throw spansAlone(source);
    yield* lists.records(all, source);
  },
};

function spansAlone(source: string): TraceloadError {
  return new TraceloadError(
    "source_format",
    `${source} is a table of Braintrust's that names spans, but not their traces: it has no root_span_id`,
    {
      next: "A span alone cannot be added. Fetch the logs by the API, or select root_span_id, too. If another column names the traces: --format csv --trace-column NAME",
    },
  );
}

export const braintrustFormat = eitherFormat(rows, table);
