/** Which column or key holds what: the names that exports use, and how a user's own choice is read. */
import { TraceloadError } from "../core/errors.ts";

export type IdentityField = "trace" | "span" | "group";

export const IDENTITY_FIELDS = ["trace", "span", "group"] as const satisfies readonly IdentityField[];

export const FIELD_NAMES: Record<IdentityField, string> = {
  trace: "trace_id",
  span: "span_id",
  group: "dataset_group_id",
};

export const FIELD_FLAGS: Record<IdentityField, string> = {
  trace: "--trace-column",
  span: "--span-column",
  group: "--group-column",
};

/** Case and the separators `_ - . space @` do not count when names are compared. */
export function foldName(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_\-.@]/g, "");
}

/**
 * Names in folded form. `plain` ones say outright what they are; `vague` ones count only where no plain one is there.
 * `id`, `event_id`, `request_id`, `session_id`, parents and links are left out on purpose: they name other things.
 */
const ALIASES: Record<IdentityField, { plain: ReadonlySet<string>; vague: ReadonlySet<string> }> = {
  trace: {
    plain: new Set([
      "traceid",
      "contexttraceid",
      "contextstracetraceid",
      "tracetraceid",
      "oteltraceid",
      "attributestraceid",
      "rootspanid",
      "operationid",
      "ddtraceid",
      "infotraceid",
      "xamzntraceid",
      "logginggoogleapiscom/trace",
    ]),
    vague: new Set(["trace"]),
  },
  span: {
    plain: new Set([
      "spanid",
      "contextspanid",
      "contextstracespanid",
      "tracespanid",
      "otelspanid",
      "attributesspanid",
      "ddspanid",
    ]),
    vague: new Set(["transactionid", "observationid"]),
  },
  group: { plain: new Set(["datasetgroupid"]), vague: new Set() },
};

/** Whether the name alone says that trace IDs stand there, or (`context`) that they stand below it. */
export function namesTrace(name: string): boolean {
  const folded = foldName(name);
  return ALIASES.trace.plain.has(folded) || folded === "context";
}

/** Whether the name is one that some export gives to a trace, span or group. */
export function namesIdentity(name: string): boolean {
  const folded = foldName(name);
  return IDENTITY_FIELDS.some(
    (field) => ALIASES[field].plain.has(folded) || ALIASES[field].vague.has(folded),
  );
}

export function quoted(names: readonly string[]): string {
  const shown = names.slice(0, 20).map((name) => JSON.stringify(name));
  return names.length > 20 ? `${shown.join(", ")} and ${names.length - 20} more` : shown.join(", ");
}

export function columnsError(message: string, next: string): TraceloadError {
  return new TraceloadError("source_columns", message, { next });
}

const THRIFT_HALVES = new Set(["traceidlow", "traceidhigh"]);

function thriftBatch(source: string): TraceloadError {
  return new TraceloadError(
    "source_format",
    `${source} is a Jaeger batch in Thrift's form: its trace IDs are two signed numbers, traceIdLow and traceIdHigh, which nothing but Jaeger's clients knows`,
    {
      next: "Export the traces from Jaeger itself: its UI downloads them as JSON, and /api/traces answers them.",
    },
  );
}

/** `--map` for IDs that stand too deep in a record to be taken without being asked for; undefined: there are none. */
function mappedBelow(paths: readonly string[]): string | undefined {
  const at = (field: "trace" | "span") =>
    paths.find((path) => {
      const keys = path.split(/[.[\]"]+/).filter((key) => key !== "");
      return [-1, -2].some((from) => ALIASES[field].plain.has(foldName(keys.slice(from).join("."))));
    });
  const [trace, span] = [at("trace"), at("span")];
  if (trace === undefined) return undefined;
  const typed = (path: string) => (/^[\w.-]+$/.test(path) ? path : `'${path}'`);
  return `--map trace_id=${typed(trace)}${span === undefined ? "" : ` --map span_id=${typed(span)}`}`;
}

/**
 * Said where no column of a table, or no key of JSON records, is known to hold what is needed. `paths`: all those that
 * stand in the first record.
 */
export function noColumn(
  source: string,
  field: IdentityField,
  there: { columns: readonly string[] } | { keys: readonly string[]; paths: readonly string[] },
): TraceloadError {
  const flag = FIELD_FLAGS[field];
  const [what, names] = "columns" in there ? ["column", there.columns] : ["key", there.keys];
  if (names.some((name) => THRIFT_HALVES.has(foldName(name)))) return thriftBatch(source);
  const spansAlone = field === "trace" && names.some((name) => ALIASES.span.plain.has(foldName(name)));
  const below = field === "trace" && "paths" in there ? mappedBelow(there.paths) : undefined;
  const next = spansAlone
    ? `A span alone cannot be added: export the trace IDs too, or name their ${what} with ${flag}.`
    : `Name it: ${below ?? `${flag} NAME`}`;
  const has = names.length === 0 ? "it has none" : `it has ${quoted(names)}`;
  const lacks = `has no ${what} that is known to hold ${FIELD_NAMES[field]}s; ${has}`;
  return columnsError(
    `${source} ${spansAlone ? `names spans, but not their traces: it ${lacks}` : lacks}`,
    next,
  );
}

/** `flag`: what is typed before the name. */
function ambiguous(source: string, what: string, flag: string, names: readonly string[]): TraceloadError {
  const [first = ""] = names;
  const same = names.every((name) => name === first);
  return columnsError(
    `${source} has more than one column that could ${what}: ${quoted(names)}`,
    same
      ? `Say which by its number, counted from 1: ${flag}N`
      : `Say which: ${names.map((name) => `${flag}${/^[\w.-]+$/.test(name) ? name : JSON.stringify(name)}`).join(" or ")}`,
  );
}

function holding(field: IdentityField): string {
  return `hold ${FIELD_NAMES[field]}s`;
}

/**
 * The index of the column that holds `field`, by the names alone; undefined where none does. Throws `source_columns`
 * where two do.
 */
export function findColumn(
  source: string,
  field: IdentityField,
  names: readonly string[],
): number | undefined {
  for (const known of [ALIASES[field].plain, ALIASES[field].vague]) {
    const found = names.flatMap((name, index) => (known.has(foldName(name)) ? [index] : []));
    if (found.length > 1) {
      const them = found.map((index) => names[index] ?? "");
      throw ambiguous(source, holding(field), `${FIELD_FLAGS[field]} `, them);
    }
    if (found.length === 1) return found[0];
  }
  return undefined;
}

/** The 1-based column number that the user typed, if it is one. */
export function columnNumber(choice: string): number | undefined {
  return /^[1-9][0-9]{0,4}$/.test(choice) ? Number(choice) : undefined;
}

export interface NamedColumn {
  /** As the user typed it: its exact name, its folded name, or its number. */
  name: string;
  /** What is typed before it. */
  flag: string;
  /** What it is to hold; undefined: what a condition looks at. */
  field: IdentityField | undefined;
}

/** The index of the column that the user named. */
export function namedColumn(
  source: string,
  { name: choice, flag, field }: NamedColumn,
  names: readonly string[],
): number {
  const what = field === undefined ? `be ${JSON.stringify(choice)}` : holding(field);
  const exact = names.flatMap((name, index) => (name === choice ? [index] : []));
  if (exact.length > 1) throw ambiguous(source, what, flag, [choice, choice]);
  if (exact[0] !== undefined) return exact[0];
  const folded = names.flatMap((name, index) => (foldName(name) === foldName(choice) ? [index] : []));
  if (folded.length > 1) {
    const them = folded.map((index) => names[index] ?? "");
    throw ambiguous(source, what, flag, them);
  }
  if (folded[0] !== undefined) return folded[0];
  const number = columnNumber(choice);
  if (number !== undefined && number <= names.length) return number - 1;
  throw columnsError(
    number === undefined
      ? `${source} has no column ${JSON.stringify(choice)}; it has ${quoted(names)}`
      : `${source} has no column ${choice}: it has ${names.length}`,
    `Check ${flag.trim()}.`,
  );
}
