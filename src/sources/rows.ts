/** Records to rows: finds the identity in each, and says what is wrong with those that have none to send. */
import { undefuseCell } from "../core/spreadsheet-cell.ts";
import type { SourceOptions, SourceRow } from "../core/source.ts";
import type { TraceloadError } from "../core/errors.ts";
import { pathsIn, valueAt } from "../core/field-path.ts";
import { columnsError, FIELD_NAMES, IDENTITY_FIELDS, noColumn, quoted } from "./columns.ts";
import { RoundedDigits } from "./id-damage.ts";
import { paddedId, plainId } from "./id-form.ts";
import { ObjectFields, type FoundTexts } from "./object-fields.ts";
import type { ReadingNotes } from "./reading-notes.ts";
import { excerpt, type JsonObject, type RecordFormat, type RowProblem, type SourceRecord } from "./record.ts";
import { RecordChoice, type RowReading } from "./record-choice.ts";
import { groupProblem, idProblem, isMissing, isNoParent, problem } from "./row-problems.ts";
import { identityIsCertain, tableColumns, type TableColumns } from "./table-columns.ts";
import { counted } from "../core/counted.ts";

/** How many JSON records may lack a trace key before the source as a whole is refused. */
const RECORDS_WITHOUT_KEY = 100;

/** Texts of invalid rows end in reports: an ID that is far too long is cut there. */
const MAX_SHOWN_CHARS = 1000;

interface Identity {
  trace: string;
  span: string;
  group: string;
  /** The trace's ID is 0, which names one here. */
  zeroTrace?: boolean;
  problem: RowProblem | undefined;
}

type CellsRecord = Extract<SourceRecord, { kind: "cells" }>;
type ObjectRecord = Extract<SourceRecord, { kind: "object" }>;
type BrokenRecord = Extract<SourceRecord, { kind: "broken" }>;
type PageRecord = Extract<SourceRecord, { kind: "page" }>;
type SpanRecord = Extract<SourceRecord, { kind: "span" }>;

/** An ID as an export's JSON has it: none is an empty text; undefined: it is of a kind that no ID is of. */
function textOf(id: unknown): string | undefined {
  if (id === undefined || id === null) return "";
  if (typeof id === "string") return id.trim();
  return typeof id === "number" && Number.isSafeInteger(id) ? String(id) : undefined;
}

function noText(found: FoundTexts): RowProblem {
  const field = IDENTITY_FIELDS.findLast((field) => found[field] === null) ?? "trace";
  return problem("id_not_text", `${FIELD_NAMES[field]} is neither a text nor a number`);
}

function shown(text: string): string {
  return text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text;
}

export class RowMaker {
  readonly #notes: ReadingNotes;
  readonly #options: SourceOptions;
  readonly #reading: RowReading;
  readonly #index: number;
  readonly #name: string;
  /** Of rows that name none, and what is wrong with it. */
  readonly #group: string;
  readonly #groupProblem: RowProblem | undefined;
  /** Of what is read. */
  readonly #format: Pick<RecordFormat, "columns" | "spans">;
  #columns: TableColumns | undefined;
  #fields: ObjectFields | undefined;
  /** The first record of a table, until the second one helps to tell whether it is a header. */
  #first: CellsRecord | undefined;
  #traceKeySeen = false;
  /** The first JSON record, while none had a trace key. */
  #keyless: JsonObject | undefined;
  /** Rows that wait for that decision, or for the first trace key. */
  #waiting: SourceRow[] = [];
  readonly #choice: RecordChoice;
  readonly #traceDigits = new RoundedDigits();
  readonly #spanDigits = new RoundedDigits();

  constructor(
    source: { index: number; name: string; format: Pick<RecordFormat, "columns" | "spans"> },
    reading: RowReading,
    notes: ReadingNotes,
  ) {
    this.#format = source.format;
    this.#notes = notes;
    this.#index = source.index;
    this.#name = source.name;
    this.#options = reading.options;
    this.#reading = reading;
    this.#group = String(reading.options.datasetGroupId ?? "");
    this.#groupProblem = groupProblem(this.#group);
    this.#choice = new RecordChoice(reading, this.#notes);
  }

  /**
   * Appends the records' rows to `rows`. Throws `source_columns` where the trace column cannot be told; the rows before
   * are appended then.
   */
  take(records: readonly SourceRecord[], rows: SourceRow[]): void {
    for (const record of records) {
      switch (record.kind) {
        case "cells":
          this.#takeCells(record, rows);
          break;
        case "object":
          this.#takeObject(record, rows);
          break;
        case "span":
          this.#takeSpan(record, rows);
          break;
        case "broken":
          this.#takeBroken(record, rows);
          break;
        case "passed-over":
          this.#notes.passOver(record.what);
          break;
        case "page":
          // Where pages are followed, none of them is all there is.
          if (this.#options.remote?.paging === undefined) this.#notes.warn(this.#pageText(record));
          break;
        default:
          record satisfies never;
      }
    }
  }

  #pageText({ message, follow }: PageRecord): string {
    const isAsked = follow !== undefined && /^https?:/.test(this.#name);
    return isAsked ? `${message} (${follow} reads on)` : message;
  }

  /** Appends the rows that were waiting for more records to decide by. Throws like `take`. */
  end(rows: SourceRow[]): void {
    if (this.#first !== undefined) this.#decideColumns(this.#first, undefined, rows);
    if (this.#keyless !== undefined) throw this.#noTraceKey(this.#keyless);
    for (const [field, digits] of [
      ["trace", this.#traceDigits],
      ["span", this.#spanDigits],
    ] as const) {
      const warning = digits.warning(FIELD_NAMES[field]);
      if (warning !== undefined) this.#notes.warn(warning);
    }
  }

  #takeBroken({ line, problem }: BrokenRecord, rows: SourceRow[]): void {
    this.#notes.records += 1;
    const waiting = this.#first !== undefined || this.#keyless !== undefined;
    (waiting ? this.#waiting : rows).push(this.#row(line, { trace: "", span: "", group: "", problem }));
  }

  #takeCells(record: CellsRecord, rows: SourceRow[]): void {
    if (this.#columns === undefined && this.#first === undefined) {
      this.#first = record;
      return;
    }
    this.#takeRecord(
      record,
      this.#columns ?? this.#decideColumns(this.#first ?? record, record.cells, rows),
      rows,
    );
  }

  #decideColumns(first: CellsRecord, second: readonly string[] | undefined, rows: SourceRow[]): TableColumns {
    const { choices, conditions } = this.#reading;
    const columns = tableColumns(this.#name, first, second, {
      unit: this.#options.unit,
      choices,
      conditions,
      known: this.#format.columns,
      spans: this.#format.spans,
    });
    this.#columns = columns;
    this.#first = undefined;
    for (const field of IDENTITY_FIELDS) {
      const index = columns[field];
      if (index === undefined) continue;
      this.#notes.column(field, columns.header ? (first.cells[index] ?? "").trim() : String(index + 1));
    }
    if (!columns.header) this.#takeRecord(first, columns, rows);
    this.#release(rows);
    return columns;
  }

  #release(rows: SourceRow[]): void {
    for (const row of this.#waiting) rows.push(row);
    this.#waiting = [];
  }

  #takeRecord({ line, cells, isRoot }: CellsRecord, columns: TableColumns, rows: SourceRow[]): void {
    this.#notes.records += 1;
    if (this.#options.rootOnly && isRoot === false) return;
    if (cells.length !== columns.width && !identityIsCertain(columns, cells)) {
      const message = `the row has ${counted(cells.length, "cell")}, the first line has ${columns.width}: ${excerpt(cells.join(", "))}`;
      const identity = { trace: "", span: "", group: "", problem: problem("column_count", message) };
      rows.push(this.#row(line, identity));
      return;
    }
    const cell = (index: number | undefined): string => {
      const text = index === undefined ? "" : (cells[index] ?? "");
      return (columns.report ? undefuseCell(text) : text).trim();
    };
    if (this.#options.rootOnly && columns.parent !== undefined && !isNoParent(cell(columns.parent))) return;
    if (columns.conditions.length > 0 && !this.#choice.takes((index) => cell(columns.conditions[index])))
      return;
    const [trace, span] = [cell(columns.trace), cell(columns.span)];
    const lost =
      this.#traceDigits.problemOf(trace, FIELD_NAMES.trace) ??
      this.#spanDigits.problemOf(span, FIELD_NAMES.span);
    rows.push(this.#row(line, { trace, span, group: cell(columns.group), problem: lost }));
  }

  #takeObject({ line, value, text }: ObjectRecord, rows: SourceRow[]): void {
    this.#notes.records += 1;
    if (!this.#choice.takesJson(value, text)) return;
    this.#fields ??= new ObjectFields(this.#name, this.#reading.choices, this.#notes, this.#format.columns);
    if (this.#options.rootOnly && this.#fields.isRoot(value) === false) return;
    const found = this.#fields.read(value, text);
    if (this.#options.unit === "trace" && !this.#format.spans) found.span = undefined;
    const { trace, span, group } = found;
    const row = this.#row(line, {
      trace: trace?.trim() ?? "",
      span: span?.trim() ?? "",
      group: group?.trim() ?? "",
      problem: trace === null || span === null || group === null ? noText(found) : undefined,
    });
    // Whether a path that was mapped is in any record is known before the rows are sent.
    if (trace !== undefined || this.#traceKeySeen || this.#reading.choices.trace?.mapped === true) {
      this.#traceKeySeen = true;
      this.#keyless = undefined;
      this.#release(rows);
      rows.push(row);
      return;
    }
    this.#keyless ??= value;
    this.#waiting.push(row);
    if (this.#waiting.length >= RECORDS_WITHOUT_KEY) throw this.#noTraceKey(this.#keyless);
  }

  #noTraceKey(first: JsonObject): TraceloadError {
    const keys = Object.keys(first);
    const chosen = this.#reading.choices.trace;
    if (chosen === undefined) return noColumn(this.#name, "trace", { keys, paths: pathsIn(first) });
    const lacks = `${this.#name} has no key ${JSON.stringify(chosen.path.name)}; it has ${quoted(keys)}`;
    return columnsError(lacks, `Check ${chosen.flag.trim()}.`);
  }

  /** The row has its span whatever the unit is: who makes rows distinct counts both, and takes it away. */
  #takeSpan({ line, traceId, spanId, isRoot, zeroIsAnId, value }: SpanRecord, rows: SourceRow[]): void {
    this.#notes.records += 1;
    if (this.#options.rootOnly && isRoot === false) return;
    if (!this.#choice.takesJson(value, undefined)) return;
    const { choices } = this.#reading;
    const trace = textOf(choices.trace === undefined ? traceId : valueAt(value, choices.trace.path));
    const span = textOf(choices.span === undefined ? spanId : valueAt(value, choices.span.path));
    const group = choices.group === undefined ? "" : textOf(valueAt(value, choices.group.path));
    const identity: Identity = {
      trace: trace ?? "",
      span: span ?? "",
      group: group ?? "",
      problem: undefined,
    };
    if (zeroIsAnId === true && trace === "0") identity.zeroTrace = true;
    if (trace === undefined || (span === undefined && this.#options.unit === "span")) {
      const name = FIELD_NAMES[trace === undefined ? "trace" : "span"];
      identity.problem = problem("id_not_text", `${name} is neither a text nor a number`);
    } else if (group === undefined) {
      identity.problem = problem("id_not_text", `${FIELD_NAMES.group} is neither a text nor a number`);
    }
    rows.push(this.#row(line, identity));
  }

  #row(line: number, identity: Identity): SourceRow {
    const trace = this.#id(identity.trace);
    const span = this.#id(identity.span);
    this.#notes.traceZeros.note(trace);
    this.#notes.spanZeros.note(span);
    const ownGroup = isMissing(identity.group) ? "" : identity.group;
    const group = ownGroup === "" ? this.#group : ownGroup;
    const invalid =
      identity.problem ??
      (identity.zeroTrace === true ? undefined : this.#traceProblem(trace)) ??
      this.#spanProblem(span) ??
      (ownGroup === "" ? this.#groupProblem : groupProblem(group));
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

  #id(text: string): string {
    const id = plainId(text);
    if (!this.#options.padIds) return id;
    const padded = paddedId(id);
    if (padded !== id) this.#notes.padded += 1;
    return padded;
  }

  #traceProblem(trace: string): RowProblem | undefined {
    if (!isMissing(trace)) return idProblem(trace, "trace_id");
    return problem("missing_trace_id", trace === "" ? "trace_id is empty" : `trace_id is ${excerpt(trace)}`);
  }

  #spanProblem(span: string): RowProblem | undefined {
    if (this.#options.unit === "trace") return undefined;
    if (!isMissing(span)) return idProblem(span, "span_id");
    if (this.#options.unit !== "span") return undefined;
    return problem("missing_span_id", span === "" ? "span_id is empty" : `span_id is ${excerpt(span)}`);
  }
}
