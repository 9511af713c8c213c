/** Answers of several pages: where each says how the next one is asked for, and the next question made of it. */
import { TraceloadError } from "../../core/errors.ts";
import { type FieldPath, parseFieldPath, valueAt } from "../../core/field-path.ts";
import { nextLink } from "./link-header.ts";
import type { HttpAnswer, HttpQuestion } from "./http-exchange.ts";

export interface Paging {
  cursor: { kind: "header"; name: string } | { kind: "answer"; path: FieldPath };
  into:
    | { kind: "query"; name: string }
    | { kind: "header"; name: string }
    | { kind: "body"; keys: string[] }
    | { kind: "url" };
}

const NAME = /^[A-Za-z0-9_.~[\]$-]+$/;

/** Throws `wrong_usage`. */
export function readPaging({ cursor, into }: { cursor: string; into: string }): Paging {
  return { cursor: readCursor(cursor), into: readInto(into) };
}

function readCursor(text: string): Paging["cursor"] {
  const header = /^header:(.+)$/i.exec(text)?.[1];
  if (header !== undefined) return { kind: "header", name: header.trim().toLowerCase() };
  const path = parseFieldPath(text);
  if (typeof path !== "string") return { kind: "answer", path };
  throw new TraceloadError("wrong_usage", `--page-cursor: ${JSON.stringify(text)} ${path}`, {
    next: "--page-cursor meta.next_cursor   or a header: --page-cursor header:x-cursor",
  });
}

function readInto(text: string): Paging["into"] {
  if (text === "url") return { kind: "url" };
  const [, kind, name = ""] = /^(query|header|body):(.+)$/s.exec(text) ?? [];
  if (kind === "query" && NAME.test(name)) return { kind, name };
  if (kind === "header" && NAME.test(name)) return { kind, name: name.toLowerCase() };
  if (kind === "body" && /^[^.[\]]+(?:\.[^.[\]]+)*$/.test(name)) return { kind, keys: name.split(".") };
  throw new TraceloadError("wrong_usage", `--page-into: ${JSON.stringify(text)} is no place in a request`, {
    next: "--page-into query:cursor, body:search_after, header:x-cursor, or url where the cursor is an address",
  });
}

/** What leads to the next page; undefined: this one is the last. `page` is undefined where a header tells. */
export function cursorOf(
  { cursor }: Paging,
  { headers }: Pick<HttpAnswer, "headers">,
  page: unknown,
): unknown {
  const found = cursor.kind === "header" ? headerCursor(headers, cursor.name) : valueAt(page, cursor.path);
  const value: unknown = Array.isArray(found) && cursor.kind === "header" ? found[0] : found;
  return value === null || value === "" || value === false || isEmptyList(value) ? undefined : value;
}

function headerCursor(headers: HttpAnswer["headers"], name: string): unknown {
  return name === "link" ? nextLink(headers[name]) : headers[name];
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

/** Throws `source_refused` for a cursor that cannot be put there, and one that leads to another host. */
export function nextQuestion(
  name: string,
  { into }: Paging,
  question: HttpQuestion,
  cursor: unknown,
): HttpQuestion {
  switch (into.kind) {
    case "query": {
      const url = new URL(question.url.href);
      url.searchParams.set(into.name, textOf(name, cursor));
      return { ...question, url };
    }
    case "header":
      return { ...question, headers: { ...question.headers, [into.name]: headerText(name, cursor) } };
    case "body":
      return { ...question, body: withField(name, question.body ?? "", into.keys, cursor) };
    case "url":
      return {
        url: nextAddress(name, question.url, textOf(name, cursor)),
        headers: withoutBodys(question.headers),
        body: undefined,
      };
    default:
      return into satisfies never;
  }
}

function textOf(name: string, cursor: unknown): string {
  if (typeof cursor === "string" || typeof cursor === "number" || typeof cursor === "boolean") {
    return String(cursor);
  }
  return stringify(name, cursor);
}

function headerText(name: string, cursor: unknown): string {
  const text = textOf(name, cursor);
  if (/^[\t\u0020-\u007e\u00a0-\u00ff]*$/.test(text)) return text;
  throw new TraceloadError("source_refused", `${name}: the cursor of a page cannot stand in a header`);
}

/** What stands for it goes on being asked, and with what it takes to be let in: that host alone may have it. */
function nextAddress(name: string, from: URL, text: string): URL {
  const url = URL.canParse(text, from.href) ? new URL(text, from.href) : undefined;
  if (url !== undefined && url.origin === from.origin && url.username === "" && url.password === "")
    return url;
  const where = url === undefined ? "is no address" : `leads to ${url.host}, another host`;
  throw new TraceloadError("source_refused", `${name}: what should lead to the next page ${where}`, {
    next: "Check --page-cursor; if that is no address, name another place: --page-into query:NAME",
  });
}

function withoutBodys(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([header]) => header !== "content-type"));
}

function withField(name: string, body: string, keys: readonly string[], cursor: unknown): string {
  const document = parseLossless(body);
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    throw new TraceloadError(
      "wrong_usage",
      `${name}: --page-into body:${keys.join(".")} wants a body that is a JSON object`,
      {
        next: "--body '{…}'   or --page-into query:NAME",
      },
    );
  }
  let at = document as Record<string, unknown>;
  for (const key of keys.slice(0, -1)) {
    const below = Object.hasOwn(at, key) ? at[key] : undefined;
    const next = typeof below === "object" && below !== null && !Array.isArray(below) ? below : {};
    define(at, key, next);
    at = next as Record<string, unknown>;
  }
  define(at, keys.at(-1) ?? "", cursor);
  return stringify(name, document);
}

/** Like an assignment, but for `__proto__`, which is a key like others here. */
function define(object: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

/** A number that is written back as it was read. */
class ExactNumber {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }

  toString(): string {
    return this.source;
  }
}

type RawJson = { rawJSON(text: string): unknown };
const JSON_WITH_RAW = JSON as typeof JSON & RawJson;

/** Undefined: that is no JSON. */
export function parseLossless(text: string): unknown {
  const keep = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === "number" && context?.source !== undefined && String(value) !== context.source
      ? new ExactNumber(context.source)
      : value;
  try {
    return JSON.parse(text, keep) as unknown;
  } catch {
    return undefined;
  }
}

function stringify(name: string, value: unknown): string {
  const text = JSON.stringify(value, (_key, inner: unknown) =>
    inner instanceof ExactNumber ? JSON_WITH_RAW.rawJSON(inner.source) : inner,
  );
  if (typeof text === "string") return text;
  throw new TraceloadError("bug", `${name}: a cursor that cannot be written`);
}
