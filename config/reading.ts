/** Settings that say which records are taken, where their IDs stand, and which are asked about: `--where`, `--map`, `--remote`. */
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

const SAMPLE_ROWS = 50;

export interface RemoteSample {
  /** Most rows to ask about; undefined: all. */
  rows: number | undefined;
}

/** `sample`, a number of rows, or `all`. */
export const remoteSample = z.string().transform((text, context): RemoteSample => {
  if (text === "all") return { rows: undefined };
  if (text === "sample") return { rows: SAMPLE_ROWS };
  if (/^[1-9]\d{0,8}$/.test(text)) return { rows: Number(text) };
  context.addIssue({ code: "custom", message: "must be sample, all, or a number of rows" });
  return z.NEVER;
});
