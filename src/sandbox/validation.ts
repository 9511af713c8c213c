/** Checks bodies and queries as strictly as the contract reads, and complains in the words of its 422. */
import type { Complaint } from "./answers.ts";

export type Checked<T> = { ok: true; value: T } | { ok: false; complaints: Complaint[] };

type Fields = Readonly<Record<string, unknown>>;

/** Gathers what is wrong with a body's fields; `done` answers with the value only if nothing is. */
export class FieldCheck {
  readonly #complaints: Complaint[] = [];
  readonly #fields: Fields;
  readonly #at: (string | number)[];

  constructor(fields: Fields, at: (string | number)[] = ["body"]) {
    this.#fields = fields;
    this.#at = at;
  }

  integer(name: string, options: { minimum?: number; optional?: boolean } = {}): number | undefined {
    const value = this.#take(name, options.optional ?? false);
    if (value === undefined) return undefined;
    if (typeof value !== "number") {
      return this.#complain([name], "int_type", "Input should be a valid integer");
    }
    if (!Number.isSafeInteger(value)) {
      return this.#complain(
        [name],
        "int_from_float",
        "Input should be a valid integer, got a number with a fractional part",
      );
    }
    return this.#atLeast(name, value, options.minimum);
  }

  text(
    name: string,
    options: { optional?: boolean; minLength?: number; maxLength?: number } = {},
  ): string | undefined {
    const value = this.#take(name, options.optional ?? false);
    if (value === undefined) return undefined;
    if (typeof value !== "string") {
      return this.#complain([name], "string_type", "Input should be a valid string");
    }
    const { minLength = 0, maxLength = Infinity } = options;
    if (value.length < minLength) {
      return this.#complain(
        [name],
        "string_too_short",
        `String should have at least ${minLength} character${minLength === 1 ? "" : "s"}`,
      );
    }
    if (value.length > maxLength) {
      return this.#complain([name], "string_too_long", `String should have at most ${maxLength} characters`);
    }
    return value;
  }

  /** A list of objects, each checked by `item`. */
  objects<T>(name: string, item: (check: FieldCheck) => T): T[] {
    const value = this.#fields[name];
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      this.#complain([name], "list_type", "Input should be a valid list");
      return [];
    }
    return value.map((element: unknown, index) => {
      const checked = isObject(element);
      if (!checked) this.#complain([name, index], "model_attributes_type", "Input should be a valid object");
      const inner = new FieldCheck(checked ? element : {}, [...this.#at, name, index]);
      const result = item(inner);
      if (checked) this.#complaints.push(...inner.#complaints);
      return result;
    });
  }

  /** Complains about every field that is not named. */
  only(names: readonly string[]): void {
    for (const name of Object.keys(this.#fields)) {
      if (!names.includes(name)) {
        this.#complain([name], "extra_forbidden", "Extra inputs are not permitted");
      }
    }
  }

  /** Query parameters are texts: whole numbers in digits. */
  queryInteger(name: string, options: { minimum?: number; maximum?: number } = {}): number | undefined {
    const value = this.#fields[name];
    if (value === undefined) return undefined;
    if (typeof value !== "string" || !/^[+-]?\d{1,15}$/.test(value)) {
      return this.#complain(
        [name],
        "int_parsing",
        "Input should be a valid integer, unable to parse string as an integer",
      );
    }
    const number = this.#atLeast(name, Number(value), options.minimum);
    if (number !== undefined && options.maximum !== undefined && number > options.maximum) {
      return this.#complain(
        [name],
        "less_than_equal",
        `Input should be less than or equal to ${options.maximum}`,
      );
    }
    return number;
  }

  queryChoice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.#fields[name];
    if (value === undefined) return undefined;
    const choice = choices.find((one) => one === value);
    const listed = choices.map((one) => `'${one}'`).join(", ");
    return choice ?? this.#complain([name], "enum", `Input should be ${listed}`);
  }

  /** Milliseconds since the epoch. */
  queryTime(name: string): number | undefined {
    const value = this.#fields[name];
    if (value === undefined) return undefined;
    const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
    return Number.isNaN(time)
      ? this.#complain([name], "datetime_parsing", "Input should be a valid datetime")
      : time;
  }

  complain(name: string, type: string, msg: string): void {
    this.#complain([name], type, msg);
  }

  done<T>(value: T): Checked<T> {
    return this.#complaints.length === 0 ? { ok: true, value } : { ok: false, complaints: this.#complaints };
  }

  #take(name: string, optional: boolean): unknown {
    const value = this.#fields[name];
    if (value === undefined && !optional) this.#complain([name], "missing", "Field required");
    // Every optional field of the contract's bodies may be null as well.
    return value === null && optional ? undefined : value;
  }

  #atLeast(name: string, value: number, minimum: number | undefined): number | undefined {
    if (minimum === undefined || value >= minimum) return value;
    return this.#complain(
      [name],
      "greater_than_equal",
      `Input should be greater than or equal to ${minimum}`,
    );
  }

  #complain(place: (string | number)[], type: string, msg: string): undefined {
    this.#complaints.push({ loc: [...this.#at, ...place], msg, type });
    return undefined;
  }
}

/** The object a body holds, or the complaint about it. */
export function parseBody(text: string, contentType: string | undefined): Checked<Fields> {
  const complain = (loc: (string | number)[], type: string, msg: string): Checked<Fields> => ({
    ok: false,
    complaints: [{ loc, msg, type }],
  });
  if (text === "") return complain(["body"], "missing", "Field required");
  if (contentType === undefined || !/^application\/([\w.-]+\+)?json\b/i.test(contentType)) {
    return complain(["body"], "model_attributes_type", "Input should be a valid dictionary or object");
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return complain(["body", 0], "json_invalid", "JSON decode error");
  }
  return isObject(parsed)
    ? { ok: true, value: parsed }
    : complain(["body"], "model_attributes_type", "Input should be a valid dictionary or object");
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
