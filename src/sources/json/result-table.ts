/** The frame of the formats for query results in JSON: the columns' names at one place, the rows as arrays at another. */
import { TraceloadError } from "../../core/errors.ts";
import { parseJson, parseJsonObject } from "../formats/json-object.ts";
import { excerpt, type RecordFormat, type RowProblem, type SourceRecord } from "../record.ts";
import { brokenJson, problem, tooLong } from "../row-problems.ts";
import { Pages } from "./pages.ts";
import type { JsonShape } from "./shape.ts";
import { JsonWalker, type FoundText } from "./walker.ts";

export interface ResultTable {
  /** As typed after `--format`. */
  name: string;
  /** As people call it. */
  title: string;
  matches(shape: JsonShape): boolean;
  /** Where the names stand, in the notation of `JsonWalker`. */
  columnsAt: string;
  /** The names in the order of a row's cells; undefined: this is not what such a list looks like. */
  columns(list: unknown): string[] | undefined;
  /** Where the rows stand. */
  rowsAt: string;
  /** A row's values, numbers as texts; undefined: it is none of this kind. An object is then a row by its keys. */
  row(record: unknown): readonly unknown[] | undefined;
  /** Where it stands what leads to the next page: not null, false or empty. */
  cursors?: readonly string[];
  /** Where it stands how many rows there are in all. */
  total?: string;
  /** Where it stands why the query failed: what was read is not all there is. */
  failure?: string;
  /** IDs that this column has in another form than text. */
  cell?: (value: unknown, column: number) => unknown;
}

/** Longest list of columns. */
const MAX_COLUMNS_CHARS = 16 * 1024 * 1024;

/** The format that reads such results: documents of any size, one or several. */
export function resultTableFormat(table: ResultTable): RecordFormat {
  const { name, title } = table;
  return {
    name,
    title,
    // What a person selected is what is sent: a query's result is a list.
    spans: false,
    pages: true,
    matches: (head) => head.isJson && table.matches(head.shape()),
    async *records(text, source) {
      const reader = new ResultReader(table, source);
      for await (const chunk of text) {
        const records = reader.read(chunk);
        if (records.length > 0) yield records;
        reader.failIfFaulty();
      }
      yield reader.end();
      reader.failIfFaulty();
    },
  };
}

class ResultReader {
  readonly #table: ResultTable;
  readonly #source: string;
  readonly #walker: JsonWalker;
  readonly #pages: Pages;
  #names: readonly string[] | undefined;
  /** The names, until a row needs them: rows that are objects have their own. */
  #waiting: SourceRecord | undefined;
  #rows = 0;
  #fault: TraceloadError | undefined;

  constructor(table: ResultTable, source: string) {
    const { columnsAt, rowsAt, cursors = [], total, failure } = table;
    this.#table = table;
    this.#source = source;
    this.#pages = new Pages({ cursors, totals: total === undefined ? {} : { [total]: rowsAt } });
    const others = [...this.#pages.paths, ...(failure === undefined ? [] : [failure])];
    this.#walker = new JsonWalker({
      paths: [columnsAt, rowsAt, ...others],
      lines: false,
      maxChars: MAX_COLUMNS_CHARS,
    });
  }

  read(chunk: string): SourceRecord[] {
    const records: SourceRecord[] = [];
    for (const found of this.#walker.push(chunk)) {
      if (this.#fault !== undefined) break;
      records.push(...(found.path === undefined ? [brokenJson(found)] : this.#recordsOf(found)));
    }
    return records;
  }

  /** What is known only when all was read. */
  end(): SourceRecord[] {
    this.#walker.end();
    return this.#pages.end(new Map([[this.#table.rowsAt, this.#rows]]));
  }

  failIfFaulty(): void {
    if (this.#fault !== undefined) throw this.#fault;
    const { fault } = this.#walker;
    if (fault === undefined) return;
    throw this.#faulty(fault.line, fault.message, "Rows before it were read. Run the query again.");
  }

  #recordsOf({ path, line, text }: FoundText): SourceRecord[] {
    const { columnsAt, failure } = this.#table;
    if (text === undefined) return [{ kind: "broken", line, problem: tooLong() }];
    const parsed = parseJson(text, true);
    if (this.#pages.paths.includes(path)) {
      this.#pages.take(path, text);
      return [];
    }
    if (!parsed.ok) return [{ kind: "broken", line, problem: parsed.problem }];
    if (path === columnsAt) return this.#takeColumns(parsed.value, line);
    if (path === failure) {
      const said = `the query failed in the middle, and these are not all of its rows: ${JSON.stringify(parsed.value)}`;
      this.#fault = this.#faulty(line, said, "Run the query again.");
      return [];
    }
    this.#rows += 1;
    return this.#rowOf(parsed.value, line, text);
  }

  #rowOf(value: unknown, line: number, text: string): SourceRecord[] {
    const cells = this.#table.row(value);
    if (cells === undefined) {
      const row = parseJsonObject(text, line);
      return [row.kind === "object" ? row : { kind: "broken", line, problem: notARow(text) }];
    }
    const { cell = (one: unknown) => one } = this.#table;
    const row = { kind: "cells" as const, line, cells: cells.map((one, at) => cellText(cell(one, at))) };
    const names = this.#waiting;
    this.#waiting = undefined;
    return names === undefined ? [row] : [names, row];
  }

  #takeColumns(list: unknown, line: number): SourceRecord[] {
    const names = this.#table.columns(list);
    if (names === undefined) return [];
    if (this.#names === undefined) {
      this.#names = names;
      // Behind rows they come too late: these are read by the numbers of their columns.
      if (this.#rows === 0) this.#waiting = { kind: "cells", line, cells: [...names], named: true };
      return [];
    }
    if (names.join("\n") !== this.#names.join("\n")) {
      this.#fault = this.#faulty(
        line,
        "another result with other columns begins here",
        "Import each result from a file of its own.",
      );
    }
    return [];
  }

  #faulty(line: number, message: string, next: string): TraceloadError {
    return new TraceloadError("source_format", `${this.#source}:${line}: ${message}`, { next });
  }
}

function notARow(text: string): RowProblem {
  return problem("not_an_object", `not a row: ${excerpt(text)}`);
}

/** Lists and objects are no IDs. */
export function cellText(value: unknown): string {
  return typeof value === "string" ? value : "";
}
