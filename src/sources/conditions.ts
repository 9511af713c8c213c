/** Conditions (`--where`): whether a value satisfies them. How it is found in a record is the row maker's. */
import type { RE2JS } from "re2js";
import { parseCondition, type Condition } from "../core/condition.ts";
import { TraceloadError } from "../core/errors.ts";
import { isoNanoseconds } from "../core/iso-time.ts";

/** What a condition says of a value. `lacks`: there is none, or an empty one. */
export type Judgement = "holds" | "fails" | "lacks";

export interface CompiledCondition extends Condition {
  judge(value: unknown): Judgement;
}

const MOST_PATTERN_CHARS = 1_000;

/** Throws `wrong_usage` for one that cannot be understood. */
export async function compileConditions(texts: readonly string[]): Promise<CompiledCondition[]> {
  return Promise.all(
    texts.map(async (text) => {
      const condition = parseCondition(text);
      if (typeof condition === "string") throw notUnderstood(text, condition);
      const holds = await holdsFor(condition);
      return { ...condition, judge: (value: unknown) => judge(condition, holds, value) };
    }),
  );
}

function notUnderstood(text: string, reason: string): TraceloadError {
  return new TraceloadError("wrong_usage", `--where ${JSON.stringify(text)} ${reason}`, {
    next: "traceload import --help",
  });
}

type Holds = (text: string) => boolean;

function judge({ operator, value: wanted }: Condition, holds: Holds, value: unknown): Judgement {
  const texts = textsOf(value);
  const lacks = value === undefined || value === null || texts?.every((text) => text === "") === true;
  if (wanted === "" && (operator === "=" || operator === "!=")) {
    return lacks === (operator === "=") ? "holds" : "fails";
  }
  if (lacks) return "lacks";
  if (texts === undefined) return "fails";
  // Of a list, one of its elements is enough; for `!=` none may be equal.
  return texts.some(holds) === (operator === "!=") ? "fails" : "holds";
}

/** Undefined: an object, which has no text to compare. */
function textsOf(value: unknown): string[] | undefined {
  if (Array.isArray(value)) return value.flatMap((element) => textOf(element) ?? []);
  const text = textOf(value);
  return text === undefined ? undefined : [text];
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value.trim();
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

async function holdsFor(condition: Condition): Promise<Holds> {
  const { text, operator, value: wanted } = condition;
  switch (operator) {
    case "=":
    case "!=":
      return isEqual(wanted);
    case "<":
      return ordered(wanted, (order) => order < 0);
    case ">":
      return ordered(wanted, (order) => order > 0);
    case "<=":
      return ordered(wanted, (order) => order <= 0);
    case ">=":
      return ordered(wanted, (order) => order >= 0);
    case "~": {
      const pattern = await compilePattern(text, wanted);
      return (found) => pattern.test(found);
    }
    default:
      return operator satisfies never;
  }
}

/** Time linear in the text, whatever the pattern. The engine is loaded by those who need it. */
async function compilePattern(text: string, pattern: string): Promise<RE2JS> {
  if (pattern.length > MOST_PATTERN_CHARS) {
    throw notUnderstood(text, `has a pattern longer than ${MOST_PATTERN_CHARS} characters`);
  }
  const { RE2JS } = await import("re2js");
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw notUnderstood(
      text,
      `has a pattern that is none of RE2, which knows neither look-around nor back-references: ${reason}`,
    );
  }
}

function isEqual(wanted: string): Holds {
  const compare = comparison(wanted);
  return (found) => found === wanted || compare?.(found) === 0;
}

/** What is no number is neither more nor less than one; nor is what is no time. */
function ordered(wanted: string, holds: (order: number) => boolean): Holds {
  const compare = comparison(wanted) ?? ((found: string) => orderOf(found, wanted));
  return (found) => {
    const order = compare(found);
    return order !== undefined && holds(order);
  };
}

/** How others compare with a number, or a time; undefined: it is a text. */
function comparison(wanted: string): ((found: string) => number | undefined) | undefined {
  for (const read of [numberOf, isoNanoseconds]) {
    const value = read(wanted);
    if (value === undefined) continue;
    return (text) => {
      const found = read(text);
      return found === undefined ? undefined : orderOf(found, value);
    };
  }
  return undefined;
}

function orderOf<T extends string | number | bigint>(one: T, other: T): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** As written in decimals, or by JavaScript; never with zeros in front, which an ID may have. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]\d+)?$/;

function numberOf(text: string): number | bigint | undefined {
  if (!NUMBER.test(text)) return undefined;
  return text.length > 15 && /^-?\d+$/.test(text) ? BigInt(text) : Number(text);
}
