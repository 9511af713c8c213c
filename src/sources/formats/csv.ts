/** Tables as text: CSV, TSV and their kin, and the tables that psql, mysql and sqlite3 draw on a terminal. */
import { TraceloadError } from "../../core/errors.ts";
import { excerpt, type RecordFormat, type SourceRecord } from "../record.ts";
import { problem, tooLong } from "../row-problems.ts";
import { CsvCells, type CsvRecord } from "./csv-cells.ts";
import { sniffDelimiter } from "./delimiter.ts";
import { isRule } from "./drawn-table.ts";

const DELIMITER_NAMES: Readonly<Record<string, string>> = {
  ",": "commas",
  "\t": "tabs",
  ";": "semicolons",
  "|": "bars",
};

/** The line that psql puts under its tables. */
const ROW_COUNT = /^\(\d+ rows?\)$/;

function isOrnament(cells: readonly string[]): boolean {
  const [first = ""] = cells;
  // Asked of every record: most begin like an ID.
  if (/^[0-9A-Za-z]/.test(first)) return false;
  return isRule(cells.join("")) || (cells.length === 1 && ROW_COUNT.test(first.trim()));
}

function asRecord(record: CsvRecord): SourceRecord | undefined {
  const { line } = record;
  switch (record.kind) {
    case "cells":
      return isOrnament(record.cells) ? undefined : { kind: "cells", line, cells: record.cells };
    case "too-long":
      return { kind: "broken", line, problem: tooLong() };
    case "open-quote":
      return {
        kind: "broken",
        line,
        problem: problem("unclosed_quote", `a quote is opened and never closed: ${excerpt(record.text)}`),
      };
    default: {
      const never: never = record;
      return never;
    }
  }
}

function isEmpty(cells: readonly string[]): boolean {
  return cells.every((cell) => cell.trim() === "");
}

/**
 * Spreadsheets end their files with up to a million records whose cells are all empty: they count as blank lines, but
 * only there. In front of a record that has cells they are records like others.
 */
class TrailingEmptyRecords {
  #lines: number[] = [];
  #cells: string[] = [];

  pass(records: readonly CsvRecord[]): SourceRecord[] {
    const passed: SourceRecord[] = [];
    for (const raw of records) {
      const record = asRecord(raw);
      if (record === undefined) continue;
      if (record.kind === "cells" && isEmpty(record.cells)) {
        this.#lines.push(record.line);
        this.#cells = record.cells;
        continue;
      }
      for (const line of this.#lines) passed.push({ kind: "cells", line, cells: this.#cells });
      this.#lines = [];
      passed.push(record);
    }
    return passed;
  }
}

async function* readTable(
  text: AsyncIterable<string>,
  source: string,
  delimiter: string | undefined,
): AsyncGenerator<SourceRecord[]> {
  const empties = new TrailingEmptyRecords();
  let cells: CsvCells | undefined;
  for await (const chunk of text) {
    cells ??= new CsvCells(delimiter ?? sniffDelimiter(chunk));
    yield empties.pass(await cells.push(chunk));
  }
  if (cells === undefined) return;
  const { records, openQuote } = await cells.end();
  yield empties.pass(records);
  if (openQuote !== undefined) {
    throw new TraceloadError(
      "source_format",
      `${source}:${openQuote}: a quote is opened here and never closed, nothing behind it could be read`,
      { next: "Mend the quote, or export the file again." },
    );
  }
}

export const csvFormat: RecordFormat = {
  name: "csv",
  title: "CSV",
  spans: false,
  matches: () => true,
  reason: ({ text }) => {
    const delimiter = sniffDelimiter(text);
    const [first = ""] = text.trimStart().split(/[\r\n]/, 1);
    const name = DELIMITER_NAMES[delimiter] ?? "rules";
    return first.includes(delimiter) ? `${name} between the cells of its first line` : "it has lines of text";
  },
  records: (text, source) => readTable(text, source, undefined),
};

export const tsvFormat: RecordFormat = {
  name: "tsv",
  title: "TSV",
  spans: false,
  // Told apart from CSV by its delimiter alone, which csv finds out itself.
  matches: () => false,
  records: (text, source) => readTable(text, source, "\t"),
};
