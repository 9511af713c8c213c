/**
 * TSV as ClickHouse, mysql and Postgres' COPY write it: tabs and line ends in a cell are written with a backslash, and
 * a quote is a character like others. (Spreadsheets put cells in quotes instead.)
 */
import { isTypesRow } from "./clickhouse-types.ts";

const ESCAPE = /\\[tnrbf0N\\']/;
const QUOTED = /^".*"$/s;

/** Whether the head shows it: the second line has types, or cells have escapes and none is in quotes. */
export function isEscapedTsv(head: string): boolean {
  const lines = head.split(/\r?\n/).slice(0, -1);
  const rows = lines.filter((line) => line !== "").map((line) => line.split("\t"));
  const [names = [], types = []] = rows;
  if (names.some((name) => name.startsWith('"'))) return false;
  if (names.length === types.length && isTypesRow(types)) return true;
  return (
    rows.every((cells) => cells.length === names.length && !cells.some((cell) => QUOTED.test(cell))) &&
    rows.some((cells) => cells.some((cell) => ESCAPE.test(cell)))
  );
}
