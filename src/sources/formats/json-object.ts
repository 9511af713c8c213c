/** One JSON text as a record. */
import { excerpt, type JsonObject, type RowProblem, type SourceRecord } from "../record.ts";
import { problem } from "../row-problems.ts";

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** JSON.parse's third argument to a reviver (ECMAScript's source text access): the text a number was written as. */
type SourceReviver = (key: string, value: unknown, context: { source?: string }) => unknown;

const numbersAsTexts: SourceReviver = (_key, value, context) =>
  typeof value === "number" ? (context.source ?? String(value)) : value;

/** `exactNumbers`: numbers come as texts, exactly as they are written. */
export function parseJson(
  text: string,
  exactNumbers = false,
): { ok: true; value: unknown } | { ok: false; problem: RowProblem } {
  try {
    const reviver = numbersAsTexts as (key: string, value: unknown) => unknown;
    return { ok: true, value: exactNumbers ? JSON.parse(text, reviver) : JSON.parse(text) };
  } catch (error) {
    return { ok: false, problem: problem("invalid_json", `not valid JSON${brokenAt(text, error)}`) };
  }
}

/** What stands around the fault in a long text, where the parser says its place; else how the text begins. */
function brokenAt(text: string, error: unknown): string {
  const place = Number(/ at position (\d+)/.exec(error instanceof Error ? error.message : "")?.[1] ?? 0);
  if (place < 50) return `: ${excerpt(text.trim())}`;
  return ` at its character ${place + 1}: …${excerpt(text.slice(place - 30, place + 30))}…`;
}

export function notAnObject(text: string): RowProblem {
  return problem("not_an_object", `not a JSON object: ${excerpt(text.trim())}`);
}

/** Reads `text` as one object; anything else is a broken record that says what stands there. */
export function parseJsonObject(text: string, line: number): SourceRecord {
  const parsed = parseJson(text);
  if (!parsed.ok) return { kind: "broken", line, problem: parsed.problem };
  if (!isJsonObject(parsed.value)) return { kind: "broken", line, problem: notAnObject(text) };
  return { kind: "object", line, value: parsed.value, text };
}

/** Whether a value of the object is an array that holds objects, or could if it were not empty. */
export function holdsArrayOfObjects(value: JsonObject): boolean {
  return Object.values(value).some(
    (inner) => Array.isArray(inner) && (inner.length === 0 || inner.some(isJsonObject)),
  );
}
