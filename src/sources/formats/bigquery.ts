/** BigQuery: answers of its REST API, rows as `f` and `v`. (`bq query --format=json` is JSON, exports are tables or NDJSON.) */
import { fromProtoBytes } from "../json/ids.ts";
import { resultTableFormat } from "../json/result-table.ts";
import type { RecordFormat } from "../record.ts";
import { isJsonObject } from "./json-object.ts";

interface Column {
  name: string;
  type: string;
}

/** A record's columns stand in its place, named after it. */
function flatColumns(fields: unknown, prefix = "", depth = 0): Column[] {
  if (!Array.isArray(fields) || depth > 15) return [];
  return fields.flatMap((field: unknown): Column[] => {
    if (!isJsonObject(field)) return [{ name: "", type: "" }];
    const name = `${prefix}${String(field["name"])}`;
    const type = String(field["type"]).toUpperCase();
    const isRecord = (type === "RECORD" || type === "STRUCT") && field["mode"] !== "REPEATED";
    return isRecord ? flatColumns(field["fields"], `${name}.`, depth + 1) : [{ name, type }];
  });
}

/** A cell's value, or of a record's those of its cells, in the order of `flatColumns`. */
function flatCells(row: unknown, depth = 0): unknown[] | undefined {
  if (!isJsonObject(row) || !Array.isArray(row["f"]) || depth > 15) return undefined;
  return row["f"].flatMap((cell: unknown): unknown[] => {
    const value = isJsonObject(cell) ? cell["v"] : undefined;
    return flatCells(value, depth + 1) ?? [value];
  });
}

function newBigqueryTable(): RecordFormat {
  let columns: Column[] = [];
  return resultTableFormat({
    name: "bigquery",
    title: "BigQuery API",
    matches: (shape) =>
      shape.has("rows[].f") || (shape.has("schema.fields") && (shape.has("totalRows") || shape.has("kind"))),
    columnsAt: "schema.fields",
    columns: (fields) => {
      columns = flatColumns(fields);
      return columns.map(({ name }) => name);
    },
    rowsAt: "rows[]",
    row: (record) => flatCells(record),
    cell: (value, column) => (columns[column]?.type === "BYTES" ? bytesAsHex(value) : value),
    cursors: ["pageToken"],
    total: "totalRows",
  });
}

/** Bytes are base64 in BigQuery's JSON. */
function bytesAsHex(value: unknown): unknown {
  const trace = fromProtoBytes(value, 16);
  return trace === value ? fromProtoBytes(value, 8) : trace;
}

/** Each reading has its own columns. */
export const bigqueryFormat: RecordFormat = {
  ...newBigqueryTable(),
  records: (text, source) => newBigqueryTable().records(text, source),
};
