/**
 * ClickHouse: results `FORMAT JSON` and its compact kin (`JSONCompact`, `JSONCompactEachRow…`), with numbers quoted or
 * not. `JSONEachRow` is NDJSON; CSV and TSV are tables.
 */
import { TraceloadError } from "../../core/errors.ts";
import { resultTableFormat, cellText } from "../json/result-table.ts";
import type { RecordFormat, SourceRecord } from "../record.ts";
import { brokenJson, problem, tooLong } from "../row-problems.ts";
import { JsonWalker } from "../json/walker.ts";
import { isTypesRow } from "./clickhouse-types.ts";
import { isJsonObject, parseJson } from "./json-object.ts";

function namesOf(meta: unknown): string[] | undefined {
  if (!Array.isArray(meta)) return undefined;
  return meta.map((column: unknown) => (isJsonObject(column) ? cellText(column["name"]) : ""));
}

const rowsFormat = resultTableFormat({
  name: "clickhouse",
  title: "ClickHouse JSON",
  matches: (shape) => shape.has("meta[].name") && shape.has("meta[].type") && shape.has("data"),
  columnsAt: "meta",
  columns: namesOf,
  rowsAt: "data[]",
  row: (record) => (Array.isArray(record) ? record : undefined),
  total: "rows_before_limit_at_least",
  failure: "exception",
});

export const clickhouseFormat: RecordFormat = {
  ...rowsFormat,
  async *records(text, source) {
    let first = true;
    const checked = async function* (): AsyncGenerator<string> {
      for await (const chunk of text) {
        if (first && isByColumns(chunk)) throw byColumns(source);
        first = false;
        yield chunk;
      }
    };
    yield* rowsFormat.records(checked(), source);
  },
};

/** `JSONColumnsWithMetadata`: `data` is an object of columns. */
function isByColumns(head: string): boolean {
  return /^\s*\{\s*"meta"\s*:[^]*?\]\s*,\s*"data"\s*:\s*\{/.test(head);
}

function byColumns(source: string): TraceloadError {
  return new TraceloadError(
    "source_format",
    `${source} is ClickHouse's JSONColumnsWithMetadata, which has whole columns one after the other`,
    { next: "Export rows: clickhouse-client --query '…' --format JSONCompact" },
  );
}

/** Whether the head's first line is an array of plain values, and the next one, if there is one, is as long. */
function isArrayALine(head: string, whole: boolean): boolean {
  if (!head.trimStart().startsWith("[")) return false;
  const lines = head.split("\n");
  const last = whole ? undefined : lines.pop();
  const [first, second] = lines.filter((line) => line.trim() !== "").map(valuesOf);
  if (first === undefined) return false;
  // One array alone may be any document; of several, each is a row.
  return second === undefined ? (last ?? "").startsWith("[") : second.length === first.length;
}

function valuesOf(line: string): unknown[] | undefined {
  const parsed = parseJson(line);
  if (!parsed.ok || !Array.isArray(parsed.value)) return undefined;
  const values: unknown[] = parsed.value;
  const [first] = values;
  // Arrays of arrays and of objects are other systems' spans.
  return typeof first === "string" || typeof first === "number" || first === null ? values : undefined;
}

/** A row is an array, on a line of its own; the first ones may be the columns' names and types. */
export const clickhouseRowsFormat: RecordFormat = {
  name: "clickhouse-rows",
  title: "ClickHouse JSONCompactEachRow",
  spans: false,
  matches: (head) => head.isJson && isArrayALine(head.text, head.whole),
  reason: () => "each of its lines is an array of values",
  async *records(text, source) {
    const walker = new JsonWalker({ paths: [""], lines: true });
    let rows = 0;
    for await (const chunk of text) {
      const records: SourceRecord[] = [];
      for (const found of walker.push(chunk)) {
        if (found.path === undefined) {
          records.push(brokenJson(found));
          continue;
        }
        const { line, text: row } = found;
        const parsed = row === undefined ? undefined : parseJson(row, true);
        rows += 1;
        if (parsed === undefined) records.push({ kind: "broken", line, problem: tooLong() });
        else if (!parsed.ok) records.push({ kind: "broken", line, problem: parsed.problem });
        else if (!Array.isArray(parsed.value))
          records.push({ kind: "broken", line, problem: problem("not_an_object", "not an array of values") });
        else {
          const cells = parsed.value.map(cellText);
          if (rows !== 2 || !isTypesRow(cells)) records.push({ kind: "cells", line, cells });
        }
      }
      if (records.length > 0) yield records;
    }
    walker.end();
    if (walker.fault === undefined) return;
    throw new TraceloadError("source_format", `${source}:${walker.fault.line}: ${walker.fault.message}`, {
      next: "Rows before it were read. Run the query again.",
    });
  },
};
