/** Snowflake: answers of its SQL API, the first with the columns' names. (Snowsight, `snow` and unloads write tables or JSON.) */
import { resultTableFormat, cellText } from "../json/result-table.ts";
import { isJsonObject } from "./json-object.ts";

export const snowflakeFormat = resultTableFormat({
  name: "snowflake",
  title: "Snowflake SQL API",
  matches: (shape) =>
    shape.has("resultSetMetaData") ||
    // Partitions behind the first have nothing but rows.
    (shape.has("data[][]") && [...shape].every((path) => /^data[[\]]*$/.test(path))),
  columnsAt: "resultSetMetaData.rowType",
  columns: (list) =>
    Array.isArray(list)
      ? list.map((column: unknown) => (isJsonObject(column) ? cellText(column["name"]) : ""))
      : undefined,
  rowsAt: "data[]",
  row: (record) => (Array.isArray(record) ? record : undefined),
  total: "resultSetMetaData.numRows",
});
