/** Which records are taken: those that every condition holds for. Notes which of the fields that the user named there are. */
import { pathsIn, valueAt, type FieldPath } from "../core/field-path.ts";
import type { SourceOptions } from "../core/source.ts";
import type { Choices } from "./choices.ts";
import { IDENTITY_FIELDS } from "./columns.ts";
import type { CompiledCondition } from "./conditions.ts";
import { parseJson } from "./formats/json-object.ts";
import type { NamedField, ReadingNotes } from "./reading-notes.ts";
import type { JsonObject } from "./record.ts";

/** How the user wants records to be read. */
export interface RowReading {
  options: SourceOptions;
  choices: Choices;
  conditions: readonly CompiledCondition[];
}

interface Sought {
  path: FieldPath;
  field: NamedField;
}

export class RecordChoice {
  readonly #conditions: readonly CompiledCondition[];
  readonly #reading: RowReading;
  readonly #notes: ReadingNotes;
  /** What the user named and no JSON record had so far; undefined: none was read. */
  #sought: Sought[] | undefined;

  constructor(reading: RowReading, notes: ReadingNotes) {
    this.#reading = reading;
    this.#conditions = reading.conditions;
    this.#notes = notes;
  }

  /** `valueOf` answers what the condition at that place looks at. */
  takes(valueOf: (condition: number) => unknown): boolean {
    for (const [index, condition] of this.#conditions.entries()) {
      const judgement = condition.judge(valueOf(index));
      if (judgement === "holds") continue;
      this.#notes.leaveOut(condition, judgement === "lacks");
      return false;
    }
    return true;
  }

  /** `text`: the record's JSON, where its numbers may be other ones than are written. */
  takesJson(value: JsonObject, text: string | undefined): boolean {
    this.#sought ??= this.#begin(value);
    if (this.#sought.length > 0) this.#seek(this.#sought, value);
    const conditions = this.#conditions;
    if (conditions.length === 0) return true;
    return this.takes((index) => {
      const condition = conditions[index];
      return condition === undefined ? undefined : exactValue(value, text, condition.field);
    });
  }

  #begin(first: JsonObject): Sought[] {
    const { choices, options } = this.#reading;
    const ids = IDENTITY_FIELDS.flatMap((gives): Sought[] => {
      const choice = choices[gives];
      if (choice === undefined || (gives === "span" && options.unit === "trace")) return [];
      const { path, flag } = choice;
      this.#notes.column(gives, path.name);
      return [{ path, field: { flag, name: path.name, gives } }];
    });
    const others = this.#conditions.map(({ field: path }): Sought => {
      return { path, field: { flag: "--where ", name: path.name, gives: undefined } };
    });
    const sought = [...ids, ...others];
    for (const { field } of sought) this.#notes.unseen.add(field);
    if (sought.length > 0) this.#notes.firstNames = pathsIn(first);
    return sought;
  }

  #seek(sought: readonly Sought[], value: JsonObject): void {
    const found = sought.filter(({ path }) => valueAt(value, path) !== undefined);
    if (found.length === 0) return;
    for (const { field } of found) this.#notes.unseen.delete(field);
    this.#sought = sought.filter((one) => !found.includes(one));
  }
}

function exactValue(value: JsonObject, text: string | undefined, path: FieldPath): unknown {
  const found = valueAt(value, path);
  const mayBeAnother = typeof found === "number" && Math.abs(found) > Number.MAX_SAFE_INTEGER;
  const parsed = mayBeAnother && text !== undefined ? parseJson(text, true) : undefined;
  return parsed?.ok === true ? valueAt(parsed.value, path) : found;
}
