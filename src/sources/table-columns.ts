/** Decides for a table which cells hold the identity: whether its first record is a header, and which columns count. */
import type { SourceOptions } from "../core/source.ts";
import type { Choices } from "./choices.ts";
import type { CompiledCondition } from "./conditions.ts";
import {
  IDENTITY_FIELDS,
  columnNumber,
  columnsError,
  findColumn,
  foldName,
  namedColumn,
  namesIdentity,
  noColumn,
  type IdentityField,
  type NamedColumn,
} from "./columns.ts";
import { excerpt, type ListColumns } from "./record.ts";

export interface TableColumns {
  /** Whether the first record holds names and is no row. */
  header: boolean;
  /** Number of cells that a record should have. */
  width: number;
  trace: number;
  span: number | undefined;
  group: number | undefined;
  /** Names a span's parent. */
  parent: number | undefined;
  /** What each of the conditions looks at. */
  conditions: number[];
  /** One of traceload's own reports, whose cells were defused. */
  report: boolean;
}

/** How a table is to be read: as the user wants, and as its format is. */
export interface TableReading {
  unit: SourceOptions["unit"];
  choices: Choices;
  conditions: readonly CompiledCondition[];
  /** Where its format has the identity. */
  known: ListColumns | undefined;
  /** Whether its records are spans, which are counted whatever a row is. */
  spans: boolean;
}

/** Texts that are rather an ID than a name: no spaces, and a digit somewhere. */
function looksLikeId(cell: string): boolean {
  return cell.length >= 4 && cell.length <= 512 && /^[0-9A-Za-z+/=_.:\\-]+$/.test(cell) && /[0-9]/.test(cell);
}

function isHeader(
  names: readonly string[],
  second: readonly string[] | undefined,
  { choices, conditions }: TableReading,
): boolean {
  if (names.some(namesIdentity)) return true;
  const named = [
    ...IDENTITY_FIELDS.flatMap((field) => choices[field]?.path.name ?? []),
    ...conditions.map(({ field }) => field.name),
  ];
  if (named.some((one) => names.some((name) => foldName(name) === foldName(one)))) return true;
  const number = columnNumber(choices.trace?.path.name ?? "");
  if (number === undefined) return false;
  // Chosen by its number, the first record is a name only where it looks unlike an ID, and the second like one.
  return (
    !looksLikeId(names[number - 1] ?? "") &&
    second !== undefined &&
    looksLikeId(second[number - 1]?.trim() ?? "")
  );
}

function indexOf(names: readonly string[], known: string | undefined): number | undefined {
  if (known === undefined) return undefined;
  const index = names.findIndex((name) => foldName(name) === foldName(known));
  return index === -1 ? undefined : index;
}

function withoutHeader(source: string, names: readonly string[]): Error {
  const shown = excerpt(names.join(", "));
  const next =
    names.length === 1
      ? `If it is a header: --trace-column ${JSON.stringify(names[0])}. If it is an ID: --trace-column 1`
      : "If it is a header: --trace-column NAME. If the file has no header, give column numbers: --trace-column 1 --span-column 2";
  return columnsError(`${source} names no trace_id column in its first line, ${shown}`, next);
}

/** Throws `source_columns` where the trace column cannot be told, or more than one could be meant. */
export function tableColumns(
  source: string,
  first: { cells: readonly string[]; named?: true },
  second: readonly string[] | undefined,
  reading: TableReading,
): TableColumns {
  const names = first.cells.map((cell) => cell.trim());
  const { known } = reading;
  const header = first.named === true || known !== undefined || isHeader(names, second, reading);
  const named = (wanted: NamedColumn): number => {
    if (header) return namedColumn(source, wanted, names);
    const number = columnNumber(wanted.name);
    if (number !== undefined && number <= names.length) return number - 1;
    throw columnsError(
      `${source} has no column ${JSON.stringify(wanted.name)}; its first line is ${excerpt(names.join(", "))}`,
      `Check ${wanted.flag.trim()}. A file without header takes column numbers, counted from 1.`,
    );
  };
  const column = (field: IdentityField): number | undefined => {
    const choice = reading.choices[field];
    if (choice !== undefined) return named({ name: choice.path.name, flag: choice.flag, field });
    if (!header) return undefined;
    return indexOf(names, field === "group" ? undefined : known?.[field]) ?? findColumn(source, field, names);
  };
  const listOfIds = !header && names.length === 1 && looksLikeId(names[0] ?? "");
  const trace = column("trace") ?? (listOfIds ? 0 : undefined);
  if (trace === undefined) {
    throw header ? noColumn(source, "trace", { columns: names }) : withoutHeader(source, names);
  }
  const span = reading.unit === "trace" && !reading.spans ? undefined : column("span");
  if (reading.unit === "span" && span === undefined) throw noColumn(source, "span", { columns: names });
  return {
    header,
    width: names.length,
    trace,
    span,
    group: column("group"),
    parent: header ? indexOf(names, known?.parent) : undefined,
    conditions: reading.conditions.map(({ field }) =>
      named({ name: field.name, flag: "--where ", field: undefined }),
    ),
    report: header && names.includes("status") && names.includes("run_id"),
  };
}

/**
 * Whether the identity of a record with another number of cells can be told for sure: trailing empty cells mean
 * nothing, and cells that are too many or missing do no harm behind the identity columns, if nothing else stands
 * before these.
 */
export function identityIsCertain(columns: TableColumns, cells: readonly string[]): boolean {
  let count = cells.length;
  while (count > columns.width && (cells[count - 1] ?? "").trim() === "") count -= 1;
  if (count === columns.width) return true;
  const { trace, span, group, conditions } = columns;
  const used = new Set([trace, span, group, ...conditions].filter((index) => index !== undefined));
  const last = Math.max(...used);
  return used.size === last + 1 && count > last;
}
