/** A condition on records as a person types it: `latency_ms>500`. What it means for a value is the sources' matter. */
import { parseFieldPath, type FieldPath } from "./field-path.ts";

/** Those of two characters first. */
const OPERATORS = ["!=", "<=", ">=", "=", "<", ">", "~"] as const;
export type Operator = (typeof OPERATORS)[number];

export interface Condition {
  /** As typed. */
  text: string;
  field: FieldPath;
  operator: Operator;
  value: string;
}

const BRACKETS = /^\[(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\]/s;

/** The first operator decides, brackets with quotes aside. Answers what is wrong with the text otherwise. */
export function parseCondition(text: string): Condition | string {
  for (let at = 0; at < text.length; at += 1) {
    const quoted = text.charAt(at) === "[" ? BRACKETS.exec(text.slice(at)) : null;
    if (quoted !== null) {
      at += quoted[0].length - 1;
      continue;
    }
    const operator = OPERATORS.find((one) => text.startsWith(one, at));
    if (operator === undefined) continue;
    const field = parseFieldPath(text.slice(0, at).trim());
    if (typeof field === "string") return `has a field that ${field}`;
    return { text, field, operator, value: text.slice(at + operator.length).trim() };
  }
  return "is no condition: write field=value, with =, !=, <, >, <=, >= or ~ between";
}
