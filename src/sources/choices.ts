/** What the user said of where IDs stand: `--trace-column` and its like, or `--map`. */
import { TraceloadError } from "../core/errors.ts";
import { dottedPath, parseFieldPath, type FieldPath } from "../core/field-path.ts";
import type { SourceOptions } from "../core/source.ts";
import { FIELD_FLAGS, FIELD_NAMES, IDENTITY_FIELDS, type IdentityField } from "./columns.ts";

export interface Choice {
  /** What is typed before the name: `--trace-column `, `--map trace_id=`. */
  flag: string;
  /** A table's column has the path's name. */
  path: FieldPath;
  /** Said by `--map`: it may be missing in most records. */
  mapped: boolean;
}

export type Choices = Readonly<Record<IdentityField, Choice | undefined>>;

/** Throws `wrong_usage` where a field is chosen twice, or a path cannot be read. */
export function choicesOf(options: SourceOptions): Choices {
  const columns = { trace: options.traceColumn, span: options.spanColumn, group: options.groupColumn };
  const choices: Record<IdentityField, Choice | undefined> = {
    trace: undefined,
    span: undefined,
    group: undefined,
  };
  for (const field of IDENTITY_FIELDS) {
    const column = columns[field];
    const mapped = options.map?.[field];
    const flag = `--map ${FIELD_NAMES[field]}=`;
    if (column !== undefined && mapped !== undefined) {
      throw wrongUsage(`${FIELD_FLAGS[field]} and ${flag}… both say where the ${FIELD_NAMES[field]} stands`);
    }
    if (column !== undefined) {
      choices[field] = { flag: `${FIELD_FLAGS[field]} `, path: dottedPath(column), mapped: false };
    } else if (mapped !== undefined) {
      const path = parseFieldPath(mapped);
      if (typeof path === "string") throw wrongUsage(`${flag}${mapped} has a path that ${path}`);
      choices[field] = { flag, path, mapped: true };
    }
  }
  return choices;
}

function wrongUsage(message: string): TraceloadError {
  return new TraceloadError("wrong_usage", message, { next: "traceload import --help" });
}
