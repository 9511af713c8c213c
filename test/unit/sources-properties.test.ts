import { stringify } from "csv-stringify/sync";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SourceOptions } from "../../src/core/source.ts";
import { isMissing } from "../../src/sources/row-problems.ts";
import { readStdin, type Reading } from "../support/source-reading.ts";

const RUNS = { numRuns: 60 };

/** IDs that reading leaves as they are: nothing to trim, nothing that stands for a missing one. */
const id = fc
  .oneof(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
    fc.string({ unit: fc.constantFrom('"', ",", ";", "\t", "|", "'", "a", " "), minLength: 1, maxLength: 8 }),
    fc.stringMatching(/^[0-9a-f]{32}$/),
  )
  .map((text) => text.trim())
  .filter((text) => text !== "" && !isMissing(text) && text.isWellFormed());

const row = fc.record({ trace: id, span: fc.oneof(id, fc.constant("")), note: fc.string() });
const rows = fc.array(row, { minLength: 1, maxLength: 20 });
const pieceBytes = fc.constantFrom(1, 2, 3, 7, 64, 100_000);

function identities({ rows, fault }: Reading): { trace: string; span: string }[] {
  expect(fault).toBeUndefined();
  return rows.map(({ traceId, spanId }) => ({ trace: traceId, span: spanId }));
}

describe("whatever a writer of the format writes comes back", () => {
  test("from CSV, with any delimiter, quotes and line ends, in pieces of any size", async () => {
    const dialect = fc.record({
      delimiter: fc.constantFrom(",", ";", "\t", "|"),
      record_delimiter: fc.constantFrom("\n", "\r\n", "\r"),
      quoted: fc.boolean(),
      bom: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(rows, dialect, pieceBytes, async (written, options, size) => {
        const table = [
          ["Note", "trace_id", "span_id"],
          ...written.map(({ note, trace, span }) => [note, trace, span]),
        ];
        const reading = await readStdin(stringify(table, options), {}, size);
        expect(identities(reading)).toEqual(written.map(({ trace, span }) => ({ trace, span })));
      }),
      RUNS,
    );
  });

  test("from NDJSON, JSON and printed JSON, in pieces of any size", async () => {
    const shape = fc.constantFrom<(values: unknown[]) => string>(
      (values) => values.map((value) => JSON.stringify(value)).join("\n"),
      (values) => values.map((value) => `${JSON.stringify(value)}\r\n`).join("\n"),
      (values) => values.map((value) => JSON.stringify(value, null, 2)).join("\n"),
      (values) => JSON.stringify(values),
      (values) => JSON.stringify(values, null, "\t"),
      (values) => JSON.stringify({ meta: { a: ["]", "}"] }, rows: values, 'x"\\': [{}] }),
      (values) => JSON.stringify({ count: 1, tags: ["x", {}], data: values, next: null }, null, 1),
    );
    await fc.assert(
      fc.asyncProperty(rows, fc.jsonValue(), shape, pieceBytes, async (written, other, write, size) => {
        const values = written.map(({ trace, span, note }) => ({
          note,
          other,
          trace_id: trace,
          span_id: span,
        }));
        const reading = await readStdin(write(values), {}, size);
        expect(identities(reading)).toEqual(written.map(({ trace, span }) => ({ trace, span })));
      }),
      RUNS,
    );
  });
});

describe("text that nobody meant to be read", () => {
  const junk = fc.oneof(
    fc.string({
      unit: fc.constantFrom('"', ",", "\n", "\r", "a", "1", " ", "{", "}", "[", "]", ":", "\\"),
      maxLength: 60,
    }),
    fc.string({ unit: "binary", maxLength: 30 }),
  );
  const formats = fc.constantFrom<SourceOptions["format"]>("auto", "csv", "tsv", "ndjson", "json");

  test("reads the same in pieces of any size, and ends in rows or one error", async () => {
    await fc.assert(
      fc.asyncProperty(junk, fc.boolean(), formats, pieceBytes, async (text, header, format, size) => {
        const content = header ? `trace_id,x\n${text}` : text;
        const whole = await readStdin(content, { format });
        const pieces = await readStdin(content, { format }, size);
        expect(pieces.rows).toEqual(whole.rows);
        expect(String(pieces.fault)).toBe(String(whole.fault));
        if (whole.fault !== undefined)
          expect(whole.fault).toHaveProperty("code", expect.stringMatching(/^source_/));
      }),
      { numRuns: 300 },
    );
  });

  test("line numbers only grow, and never pass the end of the text", async () => {
    await fc.assert(
      fc.asyncProperty(
        junk,
        fc.constantFrom<SourceOptions["format"]>("csv", "ndjson"),
        async (text, format) => {
          const content = `trace_id,x\n${text}`;
          const { rows } = await readStdin(content, { format });
          const numbers = rows.map(({ line }) => line);
          expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
          expect(numbers.at(-1) ?? 0).toBeLessThanOrEqual(content.split(/\r\n|\n|\r/).length);
        },
      ),
      RUNS,
    );
  });
});
