/** Rows as CSV, NDJSON or JSON text, a batch at a time. */
import { REPORT_COLUMNS, reportCells, reportRecord } from "./columns.ts";
import type { ReportRow } from "./columns.ts";

export const ROWS_FORMATS = ["csv", "ndjson", "json"] as const;
export type RowsFormat = (typeof ROWS_FORMATS)[number];

/** The header line of a report's CSV files. */
export const CSV_HEADER = `${REPORT_COLUMNS.join(",")}\n`;

/**
 * Lines of CSV without a header, quoted after RFC 4180; every line ends in `\n`. Written out by hand because a report
 * may have millions of rows: csv-stringify took 2.3 times the time and twice the memory for the same text.
 */
export function csvLines(rows: readonly ReportRow[], runId: string): string {
  let text = "";
  for (const row of rows) text += `${reportCells(row, runId).map(quoteCell).join(",")}\n`;
  return text;
}

function quoteCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** All rows in one format, as chunks of text. JSON is one array; no format holds more than a batch in memory. */
export async function* rowsText(
  rows: AsyncIterable<readonly ReportRow[]>,
  { format, runId }: { format: RowsFormat; runId: string },
): AsyncGenerator<string, void, undefined> {
  const json = (row: ReportRow): string => printableJson(reportRecord(row, runId));
  switch (format) {
    case "csv":
      yield CSV_HEADER;
      for await (const batch of rows) yield csvLines(batch, runId);
      return;
    case "ndjson":
      for await (const batch of rows) yield batch.map((row) => `${json(row)}\n`).join("");
      return;
    case "json": {
      let separator = "[\n";
      for await (const batch of rows) {
        if (batch.length === 0) continue;
        yield separator + batch.map(json).join(",\n");
        separator = ",\n";
      }
      yield separator === "[\n" ? "[]\n" : "\n]\n";
      return;
    }
    default:
      format satisfies never;
  }
}

/**
 * JSON that can be printed on a terminal: what JSON itself leaves alone (DEL, C1 controls, bidirectional overrides) is
 * written as an escape, which any reader of JSON undoes.
 */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replaceAll(
    /[\u007F-\u009F\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069\uFEFF]/g,
    (character) => String.raw`\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
