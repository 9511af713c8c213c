/** What the body of an API answer says: whether it is the API's own JSON, and its message, fit to be shown and stored. */

export type JsonObject = Readonly<Record<string, unknown>>;

const MAX_MESSAGE_LENGTH = 500;
/** Web frameworks answer so for an address nobody serves; the API's own 404 names the thing that is missing. */
const UNKNOWN_PATH_DETAILS: ReadonlySet<unknown> = new Set(["Not Found", "Method Not Allowed"]);

/** The body as a JSON object; `undefined` for anything else (HTML, an array, half of an object, no body). */
export function parseJsonObject(body: string | undefined): JsonObject | undefined {
  if (body === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(body);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a refusal was written by the API itself, not by something before it: a proxy, or a framework's router. */
export function isApiRefusal(json: JsonObject | undefined): json is JsonObject {
  if (json === undefined) return false;
  if (Object.keys(json).length === 1 && UNKNOWN_PATH_DETAILS.has(json["detail"])) return false;
  return json["success"] === false || "message" in json || "error" in json || "detail" in json;
}

/** `message`, else `error`, else `detail` (a list is joined as `loc: msg`), in one printable line of limited length. */
export function serverMessage(json: JsonObject | undefined): string | undefined {
  const text = describe(json?.["message"]) || describe(json?.["error"]) || describe(json?.["detail"]);
  return text === "" ? undefined : text;
}

/** One line without control characters (a terminal or a CSV would obey them), cut to 500 characters. */
export function printable(text: string): string {
  // Bidirectional overrides are no control characters to Unicode, but to a terminal they are.
  const line = text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069\s]+/gu, " ").trim();
  return line.length <= MAX_MESSAGE_LENGTH
    ? line.toWellFormed()
    : `${line.slice(0, MAX_MESSAGE_LENGTH - 1).toWellFormed()}…`;
}

function describe(value: unknown): string {
  if (typeof value === "string") return printable(value);
  if (Array.isArray(value)) return printable(value.map(describe).filter(Boolean).join("; "));
  if (!isObject(value)) return "";
  if (typeof value["msg"] === "string") {
    const place = Array.isArray(value["loc"]) ? value["loc"].join(".") : "";
    return printable(place === "" ? value["msg"] : `${place}: ${value["msg"]}`);
  }
  return describe(value["message"]) || describe(value["error"]);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
