/** Numbers as people read them. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  formatAge,
  formatBytes,
  formatDuration,
  formatRate,
  formatRows,
  formatShare,
} from "../../src/cli/show/human.ts";
import { alignedColumns, displayWidth, fit, flow, wrap } from "../../src/cli/show/layout.ts";
import { formatCount } from "../../src/core/counted.ts";

test("counts are grouped by thousands", () => {
  expect([0, 999, 1_000, 1_234_567].map(formatCount)).toEqual(["0", "999", "1,000", "1,234,567"]);
  expect([0, 1, 2_000].map(formatRows)).toEqual(["0 rows", "1 row", "2,000 rows"]);
});

test("rates keep a digit while it matters", () => {
  expect([0, 0.25, 19.83, 20, 99.96, 1_480.4].map(formatRate)).toEqual([
    "0/s",
    "0.25/s",
    "19.8/s",
    "20/s",
    "100/s",
    "1,480/s",
  ]);
});

test("durations name two units at most, and never sixty of one", () => {
  expect(
    [
      0, 850, 999.6, 4_200, 9_960, 52_000, 59_600, 65_000, 3_599_600, 7_380_000, 86_399_000, 273_600_000, -5,
    ].map(formatDuration),
  ).toEqual([
    "0 ms",
    "850 ms",
    "1 s",
    "4.2 s",
    "10 s",
    "52 s",
    "1 min 00 s",
    "1 min 05 s",
    "1 h 00 min",
    "2 h 03 min",
    "1 d 0 h",
    "3 d 4 h",
    "0 ms",
  ]);
});

test("sizes are binary, shares never reach either end too early, ages are rough", () => {
  expect([512, 1_023.9, 1_536, 265_289_728].map(formatBytes)).toEqual([
    "512 B",
    "1 KiB",
    "1.5 KiB",
    "253 MiB",
  ]);
  expect([0, 0.001, 0.551, 0.9999, 1].map(formatShare)).toEqual(["0 %", "1 %", "55 %", "99 %", "100 %"]);
  expect([5_000, 240_000, 3 * 3_600_000, 12 * 86_400_000].map(formatAge)).toEqual([
    "just now",
    "4 min ago",
    "3 h ago",
    "12 d ago",
  ]);
});

test("text is cut by what it takes on the screen, not by its length", () => {
  expect(displayWidth("追跡é")).toBe(5);
  expect([fit("abcdef", 4), fit("追跡追跡", 5), fit("abc", 3), fit("abc", 0)]).toEqual([
    "abc…",
    "追跡…",
    "abc",
    "",
  ]);
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat(40), (text, columns) => {
      expect(displayWidth(fit(text, columns))).toBeLessThanOrEqual(columns);
    }),
  );
});

test("a sentence is broken between its words, and a word that is too long is left whole", () => {
  const text = "warning: /a/very/long/path.csv: it is one page";
  expect(wrap(text, 16)).toEqual(["warning:", "  /a/very/long/path.csv:", "  it is one page"]);
  expect(wrap("short", 16)).toEqual(["short"]);
});

test("parts flow into as many lines as the width takes", () => {
  const parts = ["added 5", "queued 12", "unknown 3"].map((text) => ({ text }));
  expect(flow(parts, 40)).toEqual(["added 5 · queued 12 · unknown 3"]);
  expect(flow(parts, 20)).toEqual(["added 5 · queued 12", "unknown 3"]);
  expect(flow(parts, 6)).toEqual(["added…", "queue…", "unkno…"]);
});

test("columns are aligned, without spaces at the line ends", () => {
  expect(
    alignedColumns(
      [
        ["a", "1", "追跡"],
        ["bcd", "1,000", ""],
      ],
      { align: ["left", "right"], indent: "  " },
    ),
  ).toEqual(["  a        1  追跡", "  bcd  1,000"]);
});
