/**
 * A query's result as text: one JSON array of texts a line, the names of its columns first. A row keeps its number
 * however many line breaks its cells hold.
 */
import { MAX_RECORD_CHARS, type RecordFormat, type SourceRecord } from "../record.ts";

/** NULL and an empty text are both no ID. */
export function resultLine(cells: readonly (string | null)[]): string {
  return `${JSON.stringify(cells.map((cell) => cell ?? ""))}\n`;
}

/** The line of a row is its number in the result, from 1. */
export const resultFormat: RecordFormat = {
  name: "query",
  title: "a query's result",
  spans: false,
  matches: () => false,
  records: (text) => readResult(text),
};

async function* readResult(text: AsyncIterable<string>): AsyncGenerator<SourceRecord[]> {
  let number = -1;
  let rest = "";
  for await (const piece of text) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    yield lines.map((line) => record(line, (number += 1)));
  }
}

function record(line: string, number: number): SourceRecord {
  if (line.length > MAX_RECORD_CHARS && number > 0) {
    const message = "the row is longer than 1 MiB: let the query answer fewer columns";
    return { kind: "broken", line: number, problem: { code: "line_too_long", message } };
  }
  const cells: unknown = JSON.parse(line);
  if (!Array.isArray(cells)) throw new TypeError("a line of a result is no array");
  const texts = cells.map(String);
  return number === 0
    ? { kind: "cells", line: number, cells: texts, named: true }
    : { kind: "cells", line: number, cells: texts };
}
