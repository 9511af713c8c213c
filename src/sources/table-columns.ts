/** Decides for a table which cells hold the identity: whether its first record is a header, and which columns count. */
import type { SourceOptions } from "../core/source.ts";
import {
  FIELD_FLAGS,
  IDENTITY_FIELDS,
  chosenColumn,
  columnNumber,
  columnsError,
  findColumn,
  foldName,
  namesIdentity,
  noColumn,
  type IdentityField,
} from "./columns.ts";
import { excerpt } from "./record.ts";

export interface TableColumns {
  /** Whether the first record holds names and is no row. */
  header: boolean;
  /** Number of cells that a record should have. */
  width: number;
  trace: number;
  span: number | undefined;
  group: number | undefined;
  /** One of traceload's own reports, whose cells were defused. */
  report: boolean;
}

type Choices = Record<IdentityField, string | undefined>;

/** Texts that are rather an ID than a name: no spaces, and a digit somewhere. */
function looksLikeId(cell: string): boolean {
  return cell.length >= 4 && cell.length <= 512 && /^[0-9A-Za-z+/=_.:\\-]+$/.test(cell) && /[0-9]/.test(cell);
}

function isHeader(
  names: readonly string[],
  second: readonly string[] | undefined,
  choices: Choices,
): boolean {
  if (names.some(namesIdentity)) return true;
  const chosen = IDENTITY_FIELDS.flatMap((field) => choices[field] ?? []);
  if (chosen.some((choice) => names.some((name) => foldName(name) === foldName(choice)))) return true;
  const number = columnNumber(choices.trace ?? "");
  if (number === undefined) return false;
  // Chosen by its number, the first record is a name only where it looks unlike an ID, and the second like one.
  return (
    !looksLikeId(names[number - 1] ?? "") &&
    second !== undefined &&
    looksLikeId(second[number - 1]?.trim() ?? "")
  );
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
  options: SourceOptions,
): TableColumns {
  const names = first.cells.map((cell) => cell.trim());
  const choices: Choices = {
    trace: options.traceColumn,
    span: options.spanColumn,
    group: options.groupColumn,
  };
  const header = first.named === true || isHeader(names, second, choices);
  const column = (field: IdentityField): number | undefined => {
    const choice = choices[field];
    if (header) {
      return choice === undefined
        ? findColumn(source, field, names)
        : chosenColumn(source, field, choice, names);
    }
    if (choice === undefined) return undefined;
    const number = columnNumber(choice);
    if (number !== undefined && number <= names.length) return number - 1;
    throw columnsError(
      `${source} has no column ${JSON.stringify(choice)}; its first line is ${excerpt(names.join(", "))}`,
      `Check ${FIELD_FLAGS[field]}. A file without header takes column numbers, counted from 1.`,
    );
  };
  const listOfIds = !header && names.length === 1 && looksLikeId(names[0] ?? "");
  const trace = column("trace") ?? (listOfIds ? 0 : undefined);
  if (trace === undefined) {
    throw header ? noColumn(source, "trace", { columns: names }) : withoutHeader(source, names);
  }
  const span = options.unit === "trace" ? undefined : column("span");
  if (options.unit === "span" && span === undefined) throw noColumn(source, "span", { columns: names });
  return {
    header,
    width: names.length,
    trace,
    span,
    group: column("group"),
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
  const used = new Set([columns.trace, columns.span, columns.group].filter((index) => index !== undefined));
  const last = Math.max(...used);
  return used.size === last + 1 && count > last;
}
