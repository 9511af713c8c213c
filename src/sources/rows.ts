/** Records to rows: finds the identity in each, and says what is wrong with those that have none to send. */
import { undefuseCell } from "../core/spreadsheet-cell.ts";
import type { SourceOptions, SourceRow } from "../core/source.ts";
import { noColumn } from "./columns.ts";
import { ObjectFields } from "./object-fields.ts";
import { excerpt, type JsonObject, type RowProblem, type SourceRecord } from "./record.ts";
import { groupProblem, idProblem, isMissing, problem } from "./row-problems.ts";
import { identityIsCertain, tableColumns, type TableColumns } from "./table-columns.ts";

/** How many JSON records may lack a trace key before the source as a whole is refused. */
const RECORDS_WITHOUT_KEY = 100;

/** Texts of invalid rows end in reports: an ID that is far too long is cut there. */
const MAX_SHOWN_CHARS = 1000;

interface Identity {
  trace: string;
  span: string;
  group: string;
  problem?: RowProblem;
}

type CellsRecord = Extract<SourceRecord, { kind: "cells" }>;

function shown(text: string): string {
  return text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text;
}

export class RowMaker {
  readonly #options: SourceOptions;
  readonly #index: number;
  readonly #name: string;
  #columns: TableColumns | undefined;
  #fields: ObjectFields | undefined;
  /** Cell records that wait for the columns to be decided: the first two, with broken ones between. */
  #firstRecords: SourceRecord[] = [];
  #traceKeySeen = false;
  /** Rows of JSON records while none had a trace key. */
  #keylessRows: SourceRow[] = [];
  #keylessNames: string[] | undefined;

  constructor(source: { index: number; name: string }, options: SourceOptions) {
    this.#index = source.index;
    this.#name = source.name;
    this.#options = options;
  }

  /** Throws `source_columns` where the trace column cannot be told. */
  *take(records: readonly SourceRecord[]): Generator<SourceRow> {
    for (const record of records) yield* this.#takeOne(record);
  }

  /** The rows that were waiting for more records to decide by. Throws like `take`. */
  *end(): Generator<SourceRow> {
    const [first] = this.#firstRecords;
    if (first?.kind === "cells") yield* this.#decideColumns(first, undefined);
    if (this.#keylessNames !== undefined) throw this.#noTraceKey(this.#keylessNames);
  }

  *#takeOne(record: SourceRecord): Generator<SourceRow> {
    switch (record.kind) {
      case "cells":
        yield* this.#takeCells(record);
        return;
      case "object":
        yield* this.#takeObject(record);
        return;
      case "broken": {
        const row = this.#row(record.line, { trace: "", span: "", group: "", problem: record.problem });
        if (this.#firstRecords.length > 0) this.#firstRecords.push(record);
        else if (this.#keylessNames === undefined) yield row;
        else this.#keylessRows.push(row);
        return;
      }
      default: {
        record satisfies never;
      }
    }
  }

  *#takeCells(record: CellsRecord): Generator<SourceRow> {
    if (this.#columns !== undefined) {
      yield this.#tableRow(record, this.#columns);
      return;
    }
    const first = this.#firstRecords[0];
    if (first?.kind === "cells") {
      yield* this.#decideColumns(first, record.cells);
      if (this.#columns !== undefined) yield this.#tableRow(record, this.#columns);
    } else {
      this.#firstRecords.push(record);
    }
  }

  *#decideColumns(first: CellsRecord, second: readonly string[] | undefined): Generator<SourceRow> {
    const columns = tableColumns(this.#name, first.cells, second, this.#options);
    this.#columns = columns;
    if (!columns.header) yield this.#tableRow(first, columns);
    yield* this.#brokenRows();
  }

  *#brokenRows(): Generator<SourceRow> {
    const records = this.#firstRecords;
    this.#firstRecords = [];
    for (const record of records) {
      if (record.kind === "broken") {
        yield this.#row(record.line, { trace: "", span: "", group: "", problem: record.problem });
      }
    }
  }

  #tableRow({ line, cells }: CellsRecord, columns: TableColumns): SourceRow {
    if (cells.length !== columns.width && !identityIsCertain(columns, cells)) {
      const message = `the row has ${cells.length} cells, the first line has ${columns.width}: ${excerpt(cells.join(", "))}`;
      return this.#row(line, { trace: "", span: "", group: "", problem: problem("column_count", message) });
    }
    const cell = (index: number | undefined): string => {
      const text = index === undefined ? "" : (cells[index] ?? "");
      return (columns.report ? undefuseCell(text) : text).trim();
    };
    return this.#row(line, {
      trace: cell(columns.trace),
      span: cell(columns.span),
      group: cell(columns.group),
    });
  }

  *#takeObject(record: { line: number; value: JsonObject; text?: string }): Generator<SourceRow> {
    const { line, value, text } = record;
    this.#fields ??= new ObjectFields(this.#name, this.#options);
    const trace = this.#fields.find("trace", value, text);
    const span = this.#options.unit === "trace" ? undefined : this.#fields.find("span", value, text);
    const group = this.#fields.find("group", value, text);
    const identity: Identity = {
      trace: trace?.text?.trim() ?? "",
      span: span?.text?.trim() ?? "",
      group: group?.text?.trim() ?? "",
    };
    for (const [what, found] of Object.entries({ trace_id: trace, span_id: span, dataset_group_id: group })) {
      if (found === undefined || found.text !== undefined) continue;
      identity.problem = problem("id_not_text", `${what} is neither a text nor a number`);
    }
    const row = this.#row(line, identity);
    if (trace !== undefined || this.#traceKeySeen) {
      this.#traceKeySeen = true;
      this.#keylessNames = undefined;
      yield* this.#keylessRows;
      this.#keylessRows = [];
      yield row;
      return;
    }
    this.#keylessNames ??= Object.keys(value);
    this.#keylessRows.push(row);
    if (this.#keylessRows.length >= RECORDS_WITHOUT_KEY) throw this.#noTraceKey(this.#keylessNames);
  }

  #noTraceKey(names: readonly string[]): Error {
    return noColumn(this.#name, "trace", names);
  }

  #row(line: number, identity: Identity): SourceRow {
    const { trace, span } = identity;
    const ownGroup = isMissing(identity.group) ? "" : identity.group;
    const group = ownGroup === "" ? String(this.#options.datasetGroupId ?? "") : ownGroup;
    const invalid =
      identity.problem ?? this.#traceProblem(trace) ?? this.#spanProblem(span) ?? groupProblem(group);
    const spanId = isMissing(span) ? "" : span;
    return {
      source: this.#index,
      line,
      datasetGroupId: shown(group),
      traceId: shown(trace),
      spanId: shown(spanId),
      invalid,
    };
  }

  #traceProblem(trace: string): RowProblem | undefined {
    if (!isMissing(trace)) return idProblem(trace, "trace_id");
    return problem("missing_trace_id", trace === "" ? "trace_id is empty" : `trace_id is ${excerpt(trace)}`);
  }

  #spanProblem(span: string): RowProblem | undefined {
    if (!isMissing(span)) return idProblem(span, "span_id");
    if (this.#options.unit !== "span") return undefined;
    return problem("missing_span_id", span === "" ? "span_id is empty" : `span_id is ${excerpt(span)}`);
  }
}
