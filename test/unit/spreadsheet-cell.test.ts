import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defuseCell, undefuseCell } from "../../src/core/spreadsheet-cell.ts";

describe("cells of reports", () => {
  test("no cell of a report starts like a formula", () => {
    for (const start of ["=", "+", "-", "@", "\t", "\r"]) {
      expect(defuseCell(`${start}cmd|' /C calc'!A0`)).toBe(`'${start}cmd|' /C calc'!A0`);
    }
  });

  test("ordinary cells stay as they are", () => {
    for (const cell of ["", "4bf92f3577b34da6", "it's", "'quoted'", "a=b"])
      expect(defuseCell(cell)).toBe(cell);
  });

  test("every text comes back as it was", () => {
    const nasty = fc.stringMatching(/^'{0,3}[=+\-@\t\ra']{0,3}/);
    fc.assert(
      fc.property(fc.oneof(fc.string(), nasty), (cell) => {
        expect(undefuseCell(defuseCell(cell))).toBe(cell);
        expect(defuseCell(cell)).not.toMatch(/^[=+\-@\t\r]/);
      }),
    );
  });
});
