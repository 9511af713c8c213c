/** Finds the identity in JSON objects: by key, by dotted key, or one or two objects deeper. */
import { valueAt } from "../core/field-path.ts";
import type { Choices } from "./choices.ts";
import {
  columnNumber,
  columnsError,
  findColumn,
  foldName,
  namesTrace,
  type IdentityField,
} from "./columns.ts";
import { isJsonObject, parseJson } from "./formats/json-object.ts";
import { KeyPattern } from "./key-pattern.ts";
import type { ReadingNotes } from "./reading-notes.ts";
import type { JsonObject, ListColumns } from "./record.ts";
import { isNoParent } from "./row-problems.ts";

/** Objects in which exports keep a record's own IDs, in folded form. */
const PARENTS = new Set(["context", "contexts", "trace", "span", "attributes", "info", "transaction"]);

/** What stands under a field's key: its text. Null: it is neither a text nor a number; undefined: there is none. */
export type FoundTexts = Record<IdentityField, string | null | undefined>;

type Path = readonly string[];

function at(value: JsonObject, path: Path): unknown {
  let current: unknown = value;
  for (const key of path) {
    if (!isJsonObject(current) || !Object.hasOwn(current, key)) return undefined;
    current = current[key];
  }
  return current;
}

function isParent(key: string, depth: number): boolean {
  return depth < 2 && PARENTS.has(foldName(key));
}

function nestedPaths(value: JsonObject, prefix: Path): Path[] {
  return Object.entries(value).flatMap(([key, inner]) => {
    if (isJsonObject(inner)) {
      return isParent(key, prefix.length) ? nestedPaths(inner, [...prefix, key]) : [];
    }
    return prefix.length > 0 ? [[...prefix, key]] : [];
  });
}

/** Whether the object is a record: whether a name known for trace IDs stands in it, or in an object kept for them. */
export function holdsTrace(value: JsonObject): boolean {
  return (
    Object.keys(value).some(namesTrace) || nestedPaths(value, []).some((path) => namesTrace(path.join(".")))
  );
}

/** Where a key of that name stands, written in any way, at the top or below another. */
function knownPath(value: JsonObject, name: string): Path | undefined {
  const paths = [...Object.keys(value).map((key) => [key]), ...nestedPaths(value, [])];
  return paths.find((path) => foldName(path.join(".")) === foldName(name));
}

function textOf(found: unknown): FoundTexts[IdentityField] {
  if (typeof found === "string" || found === undefined) return found;
  if (found === null) return "";
  return typeof found === "number" ? String(found) : null;
}

export class ObjectFields {
  readonly #source: string;
  readonly #choices: Choices;
  readonly #notes: ReadingNotes;
  readonly #known: ListColumns | undefined;
  /** Where the parent's name was found last. */
  #parent: Path | undefined;
  /** Where the field was found last: most records are alike. */
  readonly #last: Partial<Record<IdentityField, Path>> = {};
  /** The keys among which the field was not found last. */
  readonly #lacking: Partial<Record<IdentityField, KeyPattern>> = {};

  /** `known`: where the source's format has the identity. */
  constructor(source: string, choices: Choices, notes: ReadingNotes, known?: ListColumns) {
    this.#known = known;
    this.#source = source;
    this.#choices = choices;
    this.#notes = notes;
    for (const choice of Object.values(choices)) {
      if (choice === undefined || choice.mapped || columnNumber(choice.path.name) === undefined) continue;
      throw columnsError(
        `${source} is JSON, whose records have keys and no column numbers`,
        `Name the key: ${choice.flag}NAME`,
      );
    }
  }

  /**
   * What stands in a record, numbers as they are written in `text`. Throws `source_columns` where two keys could stand
   * for one field.
   */
  read(value: JsonObject, text: string | undefined): FoundTexts {
    const trace = this.#valueOf("trace", value);
    const span = this.#valueOf("span", value);
    const group = this.#valueOf("group", value);
    const isNumber = typeof trace === "number" || typeof span === "number" || typeof group === "number";
    if (!isNumber || text === undefined) {
      return { trace: textOf(trace), span: textOf(span), group: textOf(group) };
    }
    const parsed = parseJson(text, true);
    return this.read(parsed.ok && isJsonObject(parsed.value) ? parsed.value : value, undefined);
  }

  /** Whether the record is a span without a parent; undefined: its format does not say. */
  isRoot(value: JsonObject): boolean | undefined {
    const name = this.#known?.parent;
    if (name === undefined) return undefined;
    if (this.#parent === undefined || at(value, this.#parent) === undefined) {
      this.#parent = knownPath(value, name);
    }
    return this.#parent === undefined || isNoParent(at(value, this.#parent));
  }

  #valueOf(field: IdentityField, record: JsonObject): unknown {
    const choice = this.#choices[field];
    if (choice !== undefined) return valueAt(record, choice.path);
    const last = this.#last[field];
    const found = last === undefined ? undefined : at(record, last);
    if (found !== undefined) return found;
    const path = this.#path(field, record);
    if (path === undefined) return undefined;
    this.#last[field] = path;
    this.#notes.column(field, path.join("."));
    return at(record, path);
  }

  #path(field: IdentityField, value: JsonObject): Path | undefined {
    const known = field === "group" ? undefined : this.#known?.[field];
    const knownAt = known === undefined ? undefined : knownPath(value, known);
    if (knownAt !== undefined) return knownAt;
    if (this.#lacking[field]?.fits(value) === true) return undefined;
    const keys = Object.keys(value).filter((key) => !isJsonObject(value[key]));
    const flat = findColumn(this.#source, field, keys);
    if (flat !== undefined) return [keys[flat] ?? ""];
    const paths = nestedPaths(value, []);
    const nested = findColumn(
      this.#source,
      field,
      paths.map((path) => path.join(".")),
    );
    if (nested === undefined) this.#lacking[field] = new KeyPattern(value, isParent);
    return nested === undefined ? undefined : paths[nested];
  }
}
