/** Tables as text: CSV, TSV and their kin, and the tables that psql, mysql and sqlite3 draw on a terminal. */
import { TraceloadError } from "../../core/errors.ts";
import { excerpt, MAX_RECORD_CHARS, type RecordFormat, type SourceRecord } from "../record.ts";
import { problem, tooLong } from "../row-problems.ts";
import { isTypesRow } from "./clickhouse-types.ts";
import { CsvCells } from "./csv-cells.ts";
import type { CellsRecord } from "./cut-records.ts";
import { sniffDelimiter } from "./delimiter.ts";
import { refuseDisplay } from "./displays.ts";
import { DrawnTable } from "./drawn-table.ts";
import { isEscapedTsv } from "./escaped-tsv.ts";
import type { CsvRecord } from "./parsed-cells.ts";

const DELIMITER_NAMES: Readonly<Record<string, string>> = {
  ",": "commas",
  "\t": "tabs",
  ";": "semicolons",
  "|": "bars",
};

function asRecord(record: CsvRecord): SourceRecord {
  const { line } = record;
  switch (record.kind) {
    case "cells":
      return record;
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

/** Lines one after the other; `to` is not one of them. */
interface LineRun {
  from: number;
  to: number;
}

const BATCH_RECORDS = 1000;

function isEmpty(cells: readonly string[]): boolean {
  return cells.every((cell) => cell.trim() === "");
}

/** Tells the rows of a table from what else stands in it. */
class TableRows {
  /** The table cannot be read further. */
  fault: TraceloadError | undefined;
  readonly #source: string;
  readonly #drawn = new DrawnTable();
  /** A drawn row goes on in the next line, or does not. */
  #held: SourceRecord | undefined;
  /** How many records there were so far. */
  #records = 0;
  /**
   * Spreadsheets end their files with up to a million records whose cells are all empty: they count as blank lines, but
   * only there. In front of a record that has cells they are records like others.
   */
  #emptyLines: LineRun[] = [];
  #emptyCells: string[] = [];

  constructor(source: string) {
    this.#source = source;
  }

  /** The rows that are complete now, in batches. */
  *pass(records: readonly CsvRecord[]): Generator<SourceRecord[]> {
    let passed: SourceRecord[] = [];
    for (const raw of records) {
      if (this.fault !== undefined) break;
      const record = asRecord(raw);
      if (record.kind === "cells" && !this.#isRow(record.cells, record.line)) continue;
      if (this.#held !== undefined) passed.push(...this.end());
      this.#records += 1;
      if (this.#records === 2 && record.kind === "cells" && isTypesRow(record.cells)) continue;
      if (record.kind === "cells" && isEmpty(record.cells)) {
        this.#holdEmpty(record);
        continue;
      }
      if (this.#emptyLines.length > 0) {
        yield passed;
        passed = [];
        yield* this.#releaseEmpty();
      }
      if (this.#drawn.isDrawn) this.#held = record;
      else passed.push(record);
    }
    yield passed;
  }

  #holdEmpty({ line, cells }: CellsRecord): void {
    const last = this.#emptyLines.at(-1);
    if (last?.to === line) last.to += 1;
    else this.#emptyLines.push({ from: line, to: line + 1 });
    this.#emptyCells = cells;
  }

  *#releaseEmpty(): Generator<SourceRecord[]> {
    const cells = this.#emptyCells;
    for (const { from, to } of this.#emptyLines) {
      for (let line = from; line < to; line += BATCH_RECORDS) {
        const length = Math.min(BATCH_RECORDS, to - line);
        yield Array.from({ length }, (_, index) => ({ kind: "cells", line: line + index, cells }));
      }
    }
    this.#emptyLines = [];
  }

  /** The row that waited for the next line. */
  end(): SourceRecord[] {
    const held = this.#held;
    this.#held = undefined;
    return held === undefined ? [] : [held];
  }

  #isRow(cells: readonly string[], line: number): boolean {
    const isRow = this.#drawn.take(cells);
    if (isRow !== "wrapped") return isRow;
    this.#held = undefined;
    this.fault = new TraceloadError(
      "source_format",
      `${this.#source}:${line}: the table is drawn so narrow that cells go on in the next line, and IDs are cut in two`,
      { next: "Export it as a table: psql --csv -c '…' | traceload import -" },
    );
    return false;
  }
}

function openTable(head: string, source: string, given: string | undefined): CsvCells {
  refuseDisplay(head, source);
  const delimiter = given ?? sniffDelimiter(head);
  const quotes = delimiter !== "\t" || !isEscapedTsv(head);
  return new CsvCells({ delimiter, quotes, maxChars: MAX_RECORD_CHARS });
}

async function* readTable(
  text: AsyncIterable<string>,
  source: string,
  delimiter: string | undefined,
): AsyncGenerator<SourceRecord[]> {
  const rows = new TableRows(source);
  let cells: CsvCells | undefined;
  try {
    for await (const chunk of text) {
      cells ??= openTable(chunk, source, delimiter);
      yield* rows.pass(await cells.push(chunk));
      if (rows.fault !== undefined) throw rows.fault;
    }
  } catch (error) {
    // Records before the place where a text breaks are read.
    if (cells !== undefined) yield* rows.pass(await cells.flush());
    throw error;
  }
  if (cells === undefined) return;
  const { records, openQuote } = await cells.end();
  yield* rows.pass(records);
  yield rows.end();
  if (rows.fault !== undefined) throw rows.fault;
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
