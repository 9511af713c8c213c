/** Settings that say which records are taken, and where their IDs stand: `--where`, `--map`. */
import { z } from "zod";
import { parseCondition } from "../src/core/condition.ts";
import { parseFieldPath } from "../src/core/field-path.ts";
import type { FieldMap } from "../src/core/source.ts";

/** Settings that may be given several times come as one text with a line for each. */
function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** `latency_ms>500`, one a line. */
export const conditions = z.string().transform((text, context): readonly string[] => {
  const lines = linesOf(text);
  for (const line of lines) {
    const parsed = parseCondition(line);
    if (typeof parsed === "string")
      context.addIssue({ code: "custom", message: `${JSON.stringify(line)} ${parsed}` });
  }
  return lines;
});

const FIELDS: ReadonlyMap<string, keyof FieldMap> = new Map([
  ["trace_id", "trace"],
  ["span_id", "span"],
  ["dataset_group_id", "group"],
]);

/** `trace_id=attributes.tid`, one a line. */
export const fieldMap = z.string().transform((text, context): FieldMap => {
  const map: FieldMap = {};
  for (const line of linesOf(text)) {
    const problem = addField(map, line);
    if (problem !== undefined)
      context.addIssue({ code: "custom", message: `${JSON.stringify(line)} ${problem}` });
  }
  return map;
});

function addField(map: FieldMap, line: string): string | undefined {
  const [, name = "", path = ""] = /^([^=]*)=(.*)$/s.exec(line) ?? [];
  const field = FIELDS.get(name.trim());
  if (field === undefined) return "names no ID: write trace_id=PATH, span_id=PATH or dataset_group_id=PATH";
  if (map[field] !== undefined) return `maps ${name.trim()} a second time`;
  const parsed = parseFieldPath(path.trim());
  if (typeof parsed === "string") return `has a path that ${parsed}`;
  map[field] = path.trim();
  return undefined;
}
