/** Which records are the first of their trace and of their span. */
import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import * as fc from "fast-check";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { DistinctNotes, type RecordSet } from "../../src/sources/distinct.ts";
import { scratchDirectory } from "../support/scratch-directory.ts";

type Pair = readonly [trace: string, span: string];

function firstsOf(pairs: readonly Pair[], keyOf: (pair: Pair) => string): number[] {
  const seen = new Set<string>();
  return pairs.flatMap((pair, index) => {
    const isFirst = !seen.has(keyOf(pair));
    seen.add(keyOf(pair));
    return isFirst ? [index] : [];
  });
}

const inSet = (set: RecordSet, size: number): number[] =>
  Array.from({ length: size }, (_, index) => index).filter((index) => set.has(index));

function noted(pairs: readonly Pair[], heldNotes?: number): DistinctNotes {
  const notes = new DistinctNotes(heldNotes);
  for (const [trace, span] of pairs) notes.add(trace, span);
  return notes;
}

const scratch = scratchDirectory();
const DIRECTORY = scratch.path("");

afterEach(() => vi.unstubAllEnvs());
afterAll(() => scratch.remove());

function inOwnTemporaryDirectory(): () => string[] {
  vi.stubEnv("TMPDIR", DIRECTORY);
  expect(tmpdir()).toBe(DIRECTORY.replace(/\/$/, ""));
  return () => readdirSync(DIRECTORY);
}

const id = fc.constantFrom("", "a", "b", "ab", "ba", "1:a", "é", "0".repeat(32), "x".repeat(512));
const pairs = fc.array(fc.tuple(id, id), { maxLength: 60 });

describe("the first of each trace and span", () => {
  test("are those of a plain set, in memory and past the bound", () => {
    fc.assert(
      fc.property(pairs, fc.constantFrom(1, 2, 7, 1000), (some, heldNotes) => {
        const { firstOfTrace, firstOfSpan } = noted(some, heldNotes).finish();
        expect(inSet(firstOfTrace, some.length)).toEqual(firstsOf(some, ([trace]) => trace));
        expect(inSet(firstOfSpan, some.length)).toEqual(firstsOf(some, (pair) => JSON.stringify(pair)));
      }),
      { numRuns: 40 },
    );
  });

  test("are exact for more records than are held, written out many times", () => {
    const many = Array.from({ length: 6000 }, (_, index): Pair => [
      `trace-${(index * 7) % 500}`,
      `${index % 2000}`,
    ]);
    const { firstOfTrace, firstOfSpan } = noted(many, 1000).finish();
    expect(firstOfTrace.count(0, many.length)).toBe(500);
    expect(inSet(firstOfSpan, many.length)).toEqual(firstsOf(many, (pair) => pair.join("\n")));
  });

  test("are counted from one record up to another", () => {
    const notes = noted([
      ["a", "1"],
      ["b", "1"],
      ["a", "2"],
      ["c", "1"],
    ]);
    expect(notes.records).toBe(4);
    const { firstOfTrace, firstOfSpan } = notes.finish();
    const counts = (set: RecordSet) => [set.count(0, 2), set.count(2, 4), set.count(2, 2), set.count(0, 4)];
    expect(counts(firstOfTrace)).toEqual([2, 1, 0, 3]);
    expect(counts(firstOfSpan)).toEqual([2, 2, 0, 4]);
    expect([firstOfTrace.has(4), firstOfTrace.has(1000)]).toEqual([false, false]);
  });
});

describe("the files of what is not held", () => {
  test("are there past the bound, for their owner alone, and gone when it is finished or closed", () => {
    const files = inOwnTemporaryDirectory();
    const within = noted([["a", ""]], 2);
    expect(files()).toEqual([]);
    within.finish();
    for (const end of ["finish", "close"] as const) {
      const notes = noted(
        [
          ["a", ""],
          ["b", ""],
          ["c", ""],
        ],
        2,
      );
      expect(files()).toHaveLength(1);
      notes[end]();
      expect(files()).toEqual([]);
    }
  });

  test("where the disk takes none, it is said with what to do", () => {
    vi.stubEnv("TMPDIR", scratch.path("missing"));
    expect(() => noted([["a", ""]], 1)).toThrow(
      expect.objectContaining({
        code: "source_unreadable",
        next: expect.stringMatching(/TMPDIR/) as string,
      }) as Error,
    );
    expect(existsSync(scratch.path("missing"))).toBe(false);
  });
});
