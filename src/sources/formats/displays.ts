/** What database clients show on a terminal and cannot be read for sure: refused by name, with the way to an export. */
import { TraceloadError } from "../../core/errors.ts";

interface Display {
  title: string;
  /** How its text begins, blank lines left out. */
  begin: RegExp;
  /** The command that writes the same rows as a table. */
  next: string;
}

const DUCKDB_TYPE = String.raw`(?:varchar|u?(?:tiny|small|big|huge)?int(?:eger|\d+)?|double|float|boolean|uuid|blob|json|date|timestamp[^│]*|struct\([^│]*|map\([^│]*|decimal\([^│]*)(?:\[\])*`;

const DISPLAYS: readonly Display[] = [
  {
    title: String.raw`psql's expanded display (\x), a column a line`,
    begin: /^-\[ RECORD \d+ \]/,
    next: "psql --csv -c 'select trace_id, span_id from …' | traceload import -",
  },
  {
    title: String.raw`mysql's vertical display (\G), a column a line`,
    begin: /^\*{9,} 1\. row \*{9,}/,
    next: "mysql --batch -e 'select trace_id, span_id from …' | traceload import -",
  },
  {
    title: "ClickHouse's FORMAT Vertical, a column a line",
    begin: /^Row 1:\r?\n─{3,}/,
    next: "clickhouse-client --query '…' --format CSVWithNames | traceload import -",
  },
  {
    title: "ClickHouse's FORMAT Pretty, which ends after 10,000 rows",
    begin: /^\s*(?:┌─[^─┬┐\n]|┏━)/,
    next: "clickhouse-client --query '…' --format CSVWithNames | traceload import -",
  },
  {
    title: "a table that DuckDB drew, which leaves rows out in the middle",
    begin: new RegExp(String.raw`^┌[─┬]+┐\r?\n│[^\n]*\n│\s*${DUCKDB_TYPE}\s*│`),
    next: "duckdb -csv -c 'select trace_id, span_id from …' | traceload import -",
  },
  {
    title: "a DataFrame that Polars printed, which leaves rows out in the middle",
    begin: /^shape: \(\d[\d_]*, \d+\)\r?\n┌/,
    next: "Write it to a file: df.write_csv('rows.csv')",
  },
];

/** Throws `source_format` where the text is such a display. */
export function refuseDisplay(head: string, source: string): void {
  const begin = head.replace(/^(?:[ \t]*\r?\n)+/, "");
  const display = DISPLAYS.find((one) => one.begin.test(begin));
  if (display === undefined) return;
  throw new TraceloadError("source_format", `${source} is ${display.title}, and no table`, {
    next: display.next,
  });
}
