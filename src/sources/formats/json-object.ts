/** One JSON text as a record. */
import { excerpt, type JsonObject, type SourceRecord } from "../record.ts";
import { problem } from "../row-problems.ts";

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads `text` as one object; anything else is a broken record that says what stands there. */
export function parseJsonObject(text: string, line: number): SourceRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return {
      kind: "broken",
      line,
      problem: problem("invalid_json", `not valid JSON: ${excerpt(text.trim())}`),
    };
  }
  if (isJsonObject(value)) return { kind: "object", line, value, text };
  return {
    kind: "broken",
    line,
    problem: problem("not_an_object", `not a JSON object: ${excerpt(text.trim())}`),
  };
}

/** Whether a value of the object is an array that holds objects, or could if it were not empty. */
export function holdsArrayOfObjects(value: JsonObject): boolean {
  return Object.values(value).some(
    (inner) => Array.isArray(inner) && (inner.length === 0 || inner.some(isJsonObject)),
  );
}
