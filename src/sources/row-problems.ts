/** Why a row is invalid: the codes, and the checks of IDs and groups that answer with them. */
import { MAX_RECORD_CHARS, excerpt, type RowProblem, type SourceRecord } from "./record.ts";

/** Codes of invalid rows, with their meaning in one line. A code, once released, is never given another meaning. */
export const INVALID_ROW_CODES = {
  missing_trace_id: "the row has no trace ID",
  missing_span_id: "the row has no span ID, and --unit span wants one",
  missing_dataset_group: "the row names no dataset group, and --dataset-group was not given",
  invalid_dataset_group: "the dataset group is not a whole number of 1 or more",
  id_too_long: "an ID is longer than 512 characters",
  id_control_characters: "an ID holds control characters or broken Unicode",
  id_not_text: "an ID is neither a text nor a number",
  ambiguous_ids: "the line could name more than one span",
  excel_damage:
    "an ID was turned into a rounded number (such as 1.07E+18, or zeros behind 15 digits), probably by a spreadsheet",
  invalid_json: "the line or element is not valid JSON",
  not_an_object: "the line or element is valid JSON, but not an object",
  column_count: "the row has more or fewer cells than the header, so that its IDs cannot be told for sure",
  unclosed_quote: "a quote opens a cell and is never closed",
  line_too_long: `the line or record is longer than ${MAX_RECORD_CHARS} characters (1 MiB)`,
} as const satisfies Record<string, string>;

export type InvalidRowCode = keyof typeof INVALID_ROW_CODES;

export const MAX_ID_CHARS = 512;

export function problem(code: InvalidRowCode, message: string): RowProblem {
  return { code, message };
}

export function brokenJson({ line, message }: { line: number; message: string }): SourceRecord {
  return { kind: "broken", line, problem: problem("invalid_json", message) };
}

export function tooLong(): RowProblem {
  return problem("line_too_long", "the record is longer than 1 MiB");
}

/** Looking for a character that is no ordinary one takes half the time of matching all that are. */
const UNUSUAL = /[^0-9A-Za-z_.:-]/;
const ALL_ZERO = /^(?:0x)?[0-]*$/i;
const ROUNDED_NUMBER = /^[+-]?(?:\d+[.,]\d+E\+?\d+|\d+E\+\d+)$/i;
/** U+FFFD stands where a character was lost on the way. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\ufffd]/;

/** Whether a trimmed cell stands for "no ID": empty, `-`, `null`, `\N`, or only zeros. */
export function isMissing(id: string): boolean {
  // Asked several times of every row: most IDs begin with a character that none of these does.
  const first = id.charCodeAt(0);
  if ((first > 0x30 && first <= 0x39) || (first >= 0x61 && first <= 0x66)) return false;
  return ALL_ZERO.test(id) || id === "\\N" || id.toLowerCase() === "null";
}

/** Whether a parent's ID names none: missing, empty or zero. */
export function isNoParent(parent: unknown): boolean {
  if (typeof parent === "string") return isMissing(parent.trim());
  return parent === undefined || parent === null || parent === 0;
}

/** What is wrong with an ID that is not missing, if anything. `what` names it: `trace_id`, `span_id`. */
export function idProblem(id: string, what: string): RowProblem | undefined {
  const isOrdinary = id.length <= MAX_ID_CHARS && !UNUSUAL.test(id);
  if (isOrdinary && !(id.includes(".") && ROUNDED_NUMBER.test(id))) return undefined;
  if (id.length > MAX_ID_CHARS) {
    return problem(
      "id_too_long",
      `${what} ${excerpt(id)} is ${id.length} characters long, at most ${MAX_ID_CHARS} are allowed`,
    );
  }
  if (CONTROL.test(id) || !id.isWellFormed()) {
    return problem("id_control_characters", `${what} ${excerpt(id)} holds characters that no ID can have`);
  }
  if (ROUNDED_NUMBER.test(id)) {
    return problem(
      "excel_damage",
      `${what} ${excerpt(id)} is a rounded number, probably from a spreadsheet: export the file again, with the ID as text`,
    );
  }
  return undefined;
}

/** What is wrong with a trimmed dataset group, if anything. */
export function groupProblem(group: string): RowProblem | undefined {
  if (group === "") {
    return problem("missing_dataset_group", "the row names no dataset group, and none was given");
  }
  if (/^[0-9]{1,16}$/.test(group) && Number(group) >= 1 && Number.isSafeInteger(Number(group)))
    return undefined;
  return problem(
    "invalid_dataset_group",
    `dataset_group_id ${excerpt(group)} is not a whole number of 1 or more`,
  );
}
