import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseFieldPath, pathsIn, valueAt } from "../../src/core/field-path.ts";

function find(record: unknown, text: string): unknown {
  const path = parseFieldPath(text);
  if (typeof path === "string") throw new Error(`${text}: ${path}`);
  return valueAt(record, path);
}

describe("a path", () => {
  test.each([
    ["a", { a: 1 }],
    ["a.b", { a: { b: 1 } }],
    ["a.b", { "a.b": 1 }],
    ["a.b.c", { a: { "b.c": 1 } }],
    ["a.b.c", { "a.b": { c: 1 }, a: { b: 2 } }],
    ["a[1].b", { a: [0, { b: 1 }] }],
    ["a.1.b", { a: [0, { b: 1 }] }],
    ["a[-1].b", { a: [0, { b: 1 }] }],
    ['a["b.c"]', { a: { "b.c": 1 } }],
    ["['b]\\'c']", { "b]'c": 1 }],
    ['["a"]["b"]', { a: { b: 1 } }],
    ["Trace ID", { "Trace ID": 1 }],
    ["attributes.gen_ai.system", { attributes: [{ key: "gen_ai.system", value: { intValue: 1 } }] }],
    ["tags.env", { tags: [{ key: "x" }, { key: "env", type: "number", value: 1 }] }],
    ["tags[1].value", { tags: [{ key: "x" }, { key: "env", value: 1 }] }],
  ])("%s leads to what it names", (path, record) => {
    expect(find(record, path)).toBe(1);
  });

  test.each([
    ["__proto__", {}],
    ["constructor.name", {}],
    ["a.length", { a: [1] }],
    ["a.toString", { a: "text" }],
    ["a[7]", { a: [1] }],
    ["a[-2]", { a: [1] }],
    ['["a.b"]', { a: { b: 1 } }],
    ["a[0]", { a: { "0": 1 } }],
  ])("%s finds nothing that is not the record's own", (path, record) => {
    expect(find(record, path)).toBeUndefined();
  });

  test("finds a key that is called like a prototype's, where JSON has it", () => {
    expect(find(JSON.parse('{"__proto__":{"x":1}}'), "__proto__.x")).toBe(1);
  });

  test.each(["", " ", ".", "a.", "a..b", ".a", "a[", "a[x]", 'a["b]', "a[-]", "a]b[", "a".repeat(513)])(
    "%j is refused",
    (text) => {
      const path = parseFieldPath(text);
      expect(text === "a]b[" || typeof path === "string").toBe(true);
    },
  );

  test("of any text is read or refused, and finds nothing but what JSON holds", () => {
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), (text, record) => {
        const path = parseFieldPath(text);
        if (typeof path === "string") return;
        const found = valueAt(record, path);
        if (found !== undefined) expect(JSON.stringify(record)).toContain(JSON.stringify(found));
      }),
      { numRuns: 500 },
    );
  });
});

describe("the paths of a record", () => {
  test("can be typed, and lead there", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (written) => {
        const record: unknown = JSON.parse(JSON.stringify(written));
        for (const path of pathsIn(record)) {
          if (path.length <= 512) expect(find(record, path), path).not.toBeUndefined();
        }
      }),
      { numRuns: 500 },
    );
  });

  test("name attributes by their keys, and are no endless list", () => {
    const record = { a: { "b.c": 1, "d e": 2 }, attributes: [{ key: "k", value: 1 }], list: [{ x: 1 }] };
    expect(pathsIn(record)).toEqual(["a.b.c", 'a["d e"]', "attributes.k", "list[0].x"]);
    expect(pathsIn(Object.fromEntries(Array.from({ length: 99 }, (_, n) => [`k${n}`, n])))).toHaveLength(40);
  });
});
