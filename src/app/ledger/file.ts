/**
 * The file that a ledger travels in: NDJSON of one header, the groups, the entries, and an end that counts them, so
 * that a file that was cut off is noticed.
 */
import { z } from "zod";
import { TraceloadError } from "../../core/errors.ts";
import type { GroupKey, RowKey } from "../../core/row.ts";
import type { Group, PortableEntry, Store, Token } from "../../core/store.ts";

/** Raised when a reader of the old version would misunderstand the new one. */
export const LEDGER_FILE_VERSION = 1;
const FORMAT = "traceload-ledger";
/** No line of ours comes near it. */
export const MAX_LINE_CHARS = 65_536;

export type PortableGroup = Parameters<Store["putGroup"]>[0];

export type LedgerLine =
  | { kind: "header"; store: string; exportedAt: string }
  | { kind: "group"; group: PortableGroup }
  | { kind: "entry"; entry: PortableEntry }
  | { kind: "end"; groups: number; entries: number };

const wholeNumber = z.int().min(0);
const draftId = z.int().min(1).nullable();
const group = z.string().regex(/^\S+\|[1-9]\d{0,15}$/, "is not a group: an origin, |, and a number");
const headerShape = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(LEDGER_FILE_VERSION),
  store: z.string(),
  exportedAt: z.iso.datetime(),
});
const groupShape = z.strictObject({
  type: z.literal("group"),
  group,
  phase: z.enum(["new", "solo", "open"]),
  draftDatasetId: draftId,
  baseline: wholeNumber.nullable(),
  added: wholeNumber,
  resent: wholeNumber,
});
const entryFields = {
  type: z.literal("entry"),
  key: z.string().regex(/^[0-9a-f]{32}$/, "is not 32 hex digits"),
  group,
  token: z.string().regex(/^[0-9a-f]{16}$/, "is not 16 hex digits"),
  draftDatasetId: draftId,
};
const entryShape = z.discriminatedUnion("state", [
  z.strictObject({ ...entryFields, state: z.literal("added"), until: z.null() }),
  z.strictObject({ ...entryFields, state: z.literal("unknown"), until: z.number().min(0) }),
]);
const endShape = z.strictObject({ type: z.literal("end"), groups: wholeNumber, entries: wholeNumber });
const lineShape = z.union([groupShape, entryShape, endShape]);
const anyVersion = z.looseObject({ format: z.literal(FORMAT), version: z.unknown() });

export function headerLine(store: string, atMs: number): string {
  const exportedAt = new Date(atMs).toISOString();
  return line({ format: FORMAT, version: LEDGER_FILE_VERSION, store, exportedAt });
}

export function groupLine({ key, phase, draftDatasetId, baseline, added, resent }: Group): string {
  return line({
    type: "group",
    group: key,
    phase,
    draftDatasetId: draftDatasetId ?? null,
    baseline: baseline ?? null,
    added,
    resent,
  });
}

export function entryLine({ key, group: of, state, token, draftDatasetId, until }: PortableEntry): string {
  return line({
    type: "entry",
    key,
    group: of,
    state,
    token,
    draftDatasetId: draftDatasetId ?? null,
    until: until ?? null,
  });
}

export function endLine(groups: number, entries: number): string {
  return line({ type: "end", groups, entries });
}

function line(value: Record<string, unknown>): string {
  return `${JSON.stringify(value)}\n`;
}

/** Reads a line, the first one as the header. Throws `source_format`, with the place and what is wrong. */
export function parseLedgerLine(text: string, place: { name: string; line: number }): LedgerLine {
  const value = parseJson(text);
  return place.line === 1 ? readHeader(value, place.name) : readLine(value, `${place.name}:${place.line}`);
}

function readHeader(value: unknown, name: string): LedgerLine {
  const known = anyVersion.safeParse(value);
  if (!known.success) {
    throw badLine(`${name}:1: this is not the first line of a ledger export`);
  }
  const { version } = known.data;
  if (version !== LEDGER_FILE_VERSION) {
    throw badLine(
      `${name}:1: a ledger export of version ${JSON.stringify(version)}; this traceload reads version ${LEDGER_FILE_VERSION}`,
      "import it with the version of traceload that wrote it, or a newer one",
    );
  }
  const { store, exportedAt } = checked(headerShape, value, `${name}:1`);
  return { kind: "header", store, exportedAt };
}

function readLine(value: unknown, place: string): LedgerLine {
  const type = typeof value === "object" && value !== null && "type" in value ? value.type : undefined;
  // Checked under the shape that the line claims: a fault in one field is then told as that field's.
  const shape =
    type === "group" ? groupShape : type === "entry" ? entryShape : type === "end" ? endShape : lineShape;
  const found: z.infer<typeof lineShape> = checked<z.infer<typeof lineShape>>(shape, value, place);
  switch (found.type) {
    case "group": {
      const { phase, draftDatasetId, baseline, added, resent } = found;
      return {
        kind: "group",
        group: {
          key: found.group as GroupKey,
          phase,
          draftDatasetId: draftDatasetId ?? undefined,
          baseline: baseline ?? undefined,
          added,
          resent,
        },
      };
    }
    case "entry":
      return {
        kind: "entry",
        entry: {
          key: found.key as RowKey,
          group: found.group as GroupKey,
          state: found.state,
          token: found.token as Token,
          draftDatasetId: found.draftDatasetId ?? undefined,
          until: found.until ?? undefined,
        },
      };
    case "end":
      return { kind: "end", groups: found.groups, entries: found.entries };
    default:
      return found satisfies never;
  }
}

function checked<T>(shape: z.ZodType<T>, value: unknown, place: string): T {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.join(".") ?? "";
  const isUnion = issue?.code === "invalid_union" && field === "";
  const reason = isUnion ? "neither a group, nor an entry, nor the end" : (issue?.message ?? "is not valid");
  throw badLine(`${place}: ${field === "" ? "" : `${field}: `}${reason}`);
}

/** undefined, which no shape takes, for what is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function badLine(message: string, next?: string): TraceloadError {
  return new TraceloadError("source_format", `${message}; nothing was imported`, {
    next: next ?? "export the ledger again: traceload ledger export FILE --store …",
  });
}
