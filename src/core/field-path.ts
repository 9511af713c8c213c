/** Where a value stands in a record, as a person types it: `a.b[0]["odd.key"]`. */

/** A key, or the number of a list's element, below zero from its end. `exact`: the key stood in brackets, and no dot in it leads down. */
type Step = { key: string; exact: boolean } | { index: number };

export interface FieldPath {
  /** As typed; a table's column is looked for under this name. */
  readonly name: string;
  readonly steps: readonly Step[];
}

const MOST_STEPS = 32;
const MOST_CHARS = 512;

const INDEX = /^\[(-?\d{1,9})\]/;
const QUOTED = /^\[(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\]/s;
const NAME = /^[^.[]+/;

/** Answers the path, or what is wrong with it, for the middle of a sentence. */
export function parseFieldPath(text: string): FieldPath | string {
  if (text.trim() === "") return "is empty";
  if (text.length > MOST_CHARS) return `is longer than ${MOST_CHARS} characters`;
  const steps: Step[] = [];
  for (let rest = text; rest !== "";) {
    const begins = steps.length === 0;
    const taken = takeStep(rest, begins);
    if (taken === undefined) {
      return `cannot be read at ${JSON.stringify(rest)}: write a.b, a[0] or a["odd.key"]`;
    }
    steps.push(taken.step);
    if (steps.length > MOST_STEPS) return `has more than ${MOST_STEPS} steps`;
    rest = rest.slice(taken.length);
  }
  const [only] = steps;
  const isOneKey = steps.length === 1 && only !== undefined && "key" in only;
  return { name: isOneKey ? only.key : text, steps };
}

/** The path of a name in which dots may lead down and brackets mean nothing. */
export function dottedPath(name: string): FieldPath {
  return { name, steps: name.split(".").map((key) => ({ key, exact: false })) };
}

function takeStep(rest: string, begins: boolean): { step: Step; length: number } | undefined {
  const index = INDEX.exec(rest);
  if (index !== null) return { step: { index: Number(index[1]) }, length: index[0].length };
  const quoted = QUOTED.exec(rest);
  if (quoted !== null) {
    const key = (quoted[1] ?? quoted[2] ?? "").replaceAll(/\\(.)/gs, "$1");
    return { step: { key, exact: true }, length: quoted[0].length };
  }
  const dot = begins ? 0 : 1;
  if (!begins && !rest.startsWith(".")) return undefined;
  const name = NAME.exec(rest.slice(dot))?.[0];
  if (name === undefined) return undefined;
  return { step: { key: begins ? name.trimStart() : name, exact: false }, length: dot + name.length };
}

/**
 * What stands there, of the record's own keys only; undefined: nothing does. A dotted name leads down or is one key,
 * whichever is there; in a list of `key` and `value` (attributes, tags) a key finds its value.
 */
export function valueAt(record: unknown, { steps }: FieldPath): unknown {
  return below(record, steps, 0);
}

function below(value: unknown, steps: readonly Step[], at: number): unknown {
  const step = steps[at];
  if (step === undefined) return value;
  if (typeof value !== "object" || value === null) return undefined;
  if ("index" in step) {
    return Array.isArray(value) ? below(value.at(step.index), steps, at + 1) : undefined;
  }
  if (Array.isArray(value) && /^\d{1,9}$/.test(step.key) && Number(step.key) < value.length)
    return below(value[Number(step.key)], steps, at + 1);
  for (const [key, next] of namesFrom(steps, at)) {
    const inner = Array.isArray(value) ? pairValue(value, key) : own(value, key);
    const found = inner === undefined ? undefined : below(inner, steps, next);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The keys that the next steps can mean, and where the path goes on behind each: all of them first, then the fewest. */
function* namesFrom(steps: readonly Step[], at: number): Generator<[key: string, next: number]> {
  const names: [string, number][] = [];
  let key = "";
  for (let next = at; next < steps.length; next += 1) {
    const step = steps[next];
    if (step === undefined || "index" in step || (step.exact && next > at)) break;
    key = next === at ? step.key : `${key}.${step.key}`;
    names.push([key, next + 1]);
    if (step.exact) break;
  }
  const longest = names.pop();
  if (longest !== undefined) yield longest;
  yield* names;
}

function own(value: object, key: string): unknown {
  return Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
}

const VALUE_KINDS = ["stringValue", "intValue", "doubleValue", "boolValue"];

/** Of a list of keys and values the value of that key; OTLP has it one object deeper. */
function pairValue(list: readonly unknown[], key: string): unknown {
  for (const pair of list) {
    if (typeof pair !== "object" || pair === null || own(pair, "key") !== key) continue;
    const value = own(pair, "value");
    if (typeof value !== "object" || value === null) return value;
    const kind = VALUE_KINDS.find((name) => Object.hasOwn(value, name));
    return kind === undefined ? value : own(value, kind);
  }
  return undefined;
}

const MOST_NAMES = 40;
const DEEPEST = 4;

/** Paths that stand in a record and can be typed, for saying what there is: at most 40. */
export function pathsIn(record: unknown): string[] {
  const paths: string[] = [];
  const visit = (value: unknown, path: string, depth: number): void => {
    if (paths.length >= MOST_NAMES) return;
    const isLeaf = typeof value !== "object" || value === null || depth === DEEPEST;
    if (isLeaf || Object.keys(value).length === 0) {
      if (path !== "") paths.push(path);
    } else if (!Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) visit(inner, path + typed(key, path), depth + 1);
    } else {
      const keys = value.flatMap(pairKey);
      for (const key of keys) visit(null, path + typed(key, path), depth + 1);
      if (keys.length === 0) visit(value[0], `${path}[0]`, depth + 1);
    }
  };
  visit(record, "", 0);
  return paths;
}

function pairKey(pair: unknown): string[] {
  if (typeof pair !== "object" || pair === null || own(pair, "value") === undefined) return [];
  const key = own(pair, "key");
  return typeof key === "string" ? [key] : [];
}

/** The key as a step; without brackets where it needs none, in a condition neither. */
function typed(key: string, path: string): string {
  const isPlain = /^[^.[\]"'\s=<>~!]+(?:\.[^.[\]"'\s=<>~!]+)*$/.test(key);
  if (isPlain) return path === "" ? key : `.${key}`;
  return `["${key.replaceAll(/["\\]/g, String.raw`\$&`)}"]`;
}
