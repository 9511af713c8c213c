/** Rows as text: CSV that a spreadsheet cannot run, NDJSON and JSON that a terminal can print. */
import { parse } from "csv-parse/sync";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { defuseCell, undefuseCell } from "../../src/core/spreadsheet-cell.ts";
import type { ReportRow } from "../../src/report/columns.ts";
import { csvLines, printableJson, rowsText } from "../../src/report/rows-text.ts";
import type { RowsFormat } from "../../src/report/rows-text.ts";
import { addedRow, inBatches } from "./report-fixture.ts";

const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.stringMatching(/^'*[=+\-@\t\r\n]?[a"',]*$/),
  fc.constantFrom('a"b', "a,b", "a\r\nb", " pad ", "'", "", "\uFEFFx"),
);

async function textOf(rows: readonly ReportRow[], format: RowsFormat): Promise<string> {
  let text = "";
  for await (const chunk of rowsText(inBatches(rows), { format, runId: "r1" })) text += chunk;
  return text;
}

test("a text that a spreadsheet would run is defused, and the original comes back", () => {
  expect(["=1", "+1", "-1", "@a", "\t=", "\r=", "'=1", "plain", "'plain", ""].map(defuseCell)).toEqual([
    "'=1",
    "'+1",
    "'-1",
    "'@a",
    "'\t=",
    "'\r=",
    "''=1",
    "plain",
    "'plain",
    "",
  ]);
  fc.assert(
    fc.property(anyText, (text) => {
      expect(undefuseCell(defuseCell(text))).toBe(text);
      expect(defuseCell(text)).not.toMatch(/^[=+\-@\t\r]/);
    }),
  );
});

test("whatever the texts hold, CSV gives them back, and no cell starts a formula", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ traceId: anyText, spanId: anyText, error: anyText, file: anyText }), {
        minLength: 1,
      }),
      (changes) => {
        const rows = changes.map((change, index) => addedRow(index + 1, change));
        const lines: string[][] = parse(csvLines(rows, "r1"));
        expect(lines.flat().filter((cell) => /^[=+\-@\t\r]/.test(cell))).toEqual([]);
        expect(
          lines.map((cells) => [1, 4, 5, 12].map((column) => undefuseCell(cells[column] ?? ""))),
        ).toEqual(rows.map(({ file, traceId, spanId, error }) => [file, traceId, spanId, error]));
      },
    ),
  );
});

test("NDJSON and JSON hold the same objects, with null for what is absent", async () => {
  const rows = [addedRow(1), addedRow(2, { spanId: "" }), addedRow(3)];
  const lines = (await textOf(rows, "ndjson")).trimEnd().split("\n");
  expect(JSON.parse(lines[1] ?? "")).toEqual({
    row: 2,
    file: "rows.csv",
    line: 3,
    dataset_group_id: "42",
    trace_id: "trace-2",
    span_id: null,
    status: "added",
    draft_dataset_id: 501,
    mode: "span",
    attempts: 1,
    http_status: 201,
    error_code: null,
    error: null,
    duration_ms: 38,
    finished_at: "2026-07-21T10:00:00.007Z",
    run_id: "r1",
  });
  expect(JSON.parse(await textOf(rows, "json"))).toEqual(lines.map((line) => JSON.parse(line)));
  expect(await textOf([], "json")).toBe("[]\n");
  expect(await textOf([], "ndjson")).toBe("");
});

test("JSON carries no byte that a terminal would act on", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const json = printableJson({ text: `${text}\u001B[2J\u009B31m\u202E` });
      expect(json).not.toMatch(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/u);
      expect(JSON.parse(json)).toEqual({ text: `${text}\u001B[2J\u009B31m\u202E` });
    }),
  );
});
