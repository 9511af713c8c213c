import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CsvCells } from "../../src/sources/formats/csv-cells.ts";
import type { Dialect } from "../../src/sources/formats/cut-records.ts";
import { ParsedCells, type CsvRecord } from "../../src/sources/formats/parsed-cells.ts";

interface Reading {
  records: CsvRecord[];
  openQuote: number | undefined;
}

/** Everything through csv-parse, in one piece. */
async function parsed(text: string, dialect: Dialect): Promise<Reading> {
  const records: CsvRecord[] = [];
  let cells = new ParsedCells(dialect, { line: 1, columns: undefined });
  for (let rest = await cells.push(text, records); rest !== undefined;) {
    cells = new ParsedCells(dialect, cells);
    rest = await cells.push(rest, records);
  }
  const last = await cells.end();
  return { records: [...records, ...last.records], openQuote: last.openQuote };
}

async function cut(pieces: readonly string[], dialect: Dialect): Promise<Reading> {
  const cells = new CsvCells(dialect);
  const records: CsvRecord[] = [];
  for (const piece of pieces) records.push(...(await cells.push(piece)));
  const last = await cells.end();
  return { records: [...records, ...last.records], openQuote: last.openQuote };
}

/** No character is cut in two. */
function piecesOf(text: string, lengths: readonly number[]): string[] {
  const characters = Array.from(text);
  return [...lengths.map((length) => characters.splice(0, length).join("")), characters.join("")];
}

const dialects = fc.record({
  delimiter: fc.constantFrom(",", "\t", "│"),
  quotes: fc.oneof({ arbitrary: fc.constant(true), weight: 4 }, { arbitrary: fc.constant(false), weight: 1 }),
  maxChars: fc.constantFrom(4, 12, 100_000),
});
/** Quoted as they should be. */
const written = fc
  .string({ unit: fc.constantFrom('"', ",", "\t", "│", "\n", "\r", "a", "é", "漢", " "), maxLength: 8 })
  .map((text) => `"${text.replaceAll('"', '""')}"`);
const plain = fc.string({ unit: fc.constantFrom("a", "1", "é", "漢", "🙂", " ", "'", "\\"), maxLength: 8 });
/** And not. */
const odd = fc.string({ unit: fc.constantFrom('"', "a", "\u0000", ",", "\n", "\r"), maxLength: 8 });
const lineEnds = fc.constantFrom("\n", "\r\n", "\r", "\n\n", "\r\r\n");

const cell = fc.oneof(
  { arbitrary: plain, weight: 6 },
  { arbitrary: written, weight: 3 },
  { arbitrary: odd, weight: 1 },
);
const lines = fc.array(fc.tuple(fc.array(cell, { minLength: 1, maxLength: 4 }), lineEnds), { maxLength: 8 });
const tables = fc
  .record({ dialect: dialects, lines, isEnded: fc.boolean() })
  .map(({ dialect, lines, isEnded }) => {
    const text = lines.map(([cells, lineEnd]) => cells.join(dialect.delimiter) + lineEnd).join("");
    return { dialect, text: isEnded ? text : text.trimEnd() };
  });

const tiny = { delimiter: ",", quotes: true, maxChars: 4 };
const FAILED_ONCE: [{ dialect: Dialect; text: string }, number[]][] = [
  // It turns out too long by its very last characters.
  [{ dialect: { ...tiny, quotes: false }, text: "aaaaaa" }, []],
  // The first record, too, tells how many cells there are, where a later one is too long.
  [{ dialect: tiny, text: '""""""\n"│漢"\n,\n"\n,' }, [1, 4]],
];

describe("text is cut as csv-parse reads it", () => {
  test("whatever its quotes and line ends, in pieces of any size", async () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(tables, lengths, async ({ dialect, text }, lengths) => {
        expect(await cut(piecesOf(text, lengths), dialect)).toEqual(await parsed(text, dialect));
      }),
      { numRuns: 300, examples: FAILED_ONCE },
    );
  });

  test("and what is complete where the text breaks is answered", async () => {
    const cells = new CsvCells({ delimiter: ",", quotes: true, maxChars: 100 });
    const records: CsvRecord[] = [];
    for (const piece of ['"a"b', ",1\n", "c,2\nd,", "3\ne"]) records.push(...(await cells.push(piece)));
    records.push(...(await cells.flush()));
    expect(records).toEqual([
      { kind: "cells", line: 1, cells: ['"a"b', "1"] },
      { kind: "cells", line: 2, cells: ["c", "2"] },
      { kind: "cells", line: 3, cells: ["d", "3"] },
    ]);
  });
});
