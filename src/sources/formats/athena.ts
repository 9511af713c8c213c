/** Amazon Athena: what `get-query-results` answers. (Its results in S3 are CSV.) The first page's first row has the names. */
import { resultTableFormat, cellText } from "../json/result-table.ts";
import { isJsonObject } from "./json-object.ts";

export const athenaFormat = resultTableFormat({
  name: "athena",
  title: "Athena query results",
  matches: (shape) => shape.has("ResultSet.Rows") || shape.has("ResultSet.ResultSetMetadata"),
  // Only where it stands before the rows, which `aws` does not write: else the first row tells.
  columnsAt: "ResultSet.ResultSetMetadata.ColumnInfo",
  columns: () => undefined,
  rowsAt: "ResultSet.Rows[]",
  row: (record) => {
    if (!isJsonObject(record) || !Array.isArray(record["Data"])) return undefined;
    return record["Data"].map((cell: unknown) => (isJsonObject(cell) ? cellText(cell["VarCharValue"]) : ""));
  },
  cursors: ["NextToken"],
});
