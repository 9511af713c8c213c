/** Which paths the beginning of JSON text shows. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { sourceHead } from "../../src/sources/head.ts";
import { shapeOf } from "../../src/sources/json/shape.ts";

const shape = (text: string): string[] => [...shapeOf(text)];

test.each([
  ["keys and elements are paths", '{"a":[{"b":1}],"c":{"d":null}}', ["a", "a[]", "a[].b", "c", "c.d"]],
  ["an array has elements", "[1]", ["[]"]],
  ["arrays in arrays", '[[{"a":1}]]', ["[]", "[][]", "[][].a"]],
  ["an empty array has none", '{"a":[]}', ["a"]],
  ["documents that follow one another", '{"a":1}\n{"b":2}', ["a", "b"]],
  ["what stands in texts is no structure", String.raw`{"a":"{\"b\":[1]}"}`, ["a"]],
  ["a text that is cut off is a value", String.raw`{"a":{"b":"{\"c\":{\"d\"`, ["a", "a.b"]],
  ["a text that is cut off in an escape", '{"a":"x\\', ["a"]],
  ["a key that is cut off is none", '{"a":1,"b', ["a"]],
  ["text that ends anywhere", '{"a":[{"b":', ["a", "a[]"]],
])("%s", (_, text, paths) => {
  expect(shape(text)).toEqual(paths);
});

test("of an array the first elements are looked at, and what follows it all the same", () => {
  const text = '{"a":[{"b":1},{"b":1},{"c":1},{"d":1}],"e":1}';
  expect(shape(text)).toEqual(["a", "a[]", "a[].b", "a[].c", "e"]);
});

test("the paths are those of the values, whatever the values are", () => {
  const pathsOf = (value: unknown, at = ""): string[] => {
    const own = at === "" ? [] : [at];
    if (Array.isArray(value)) return [...own, ...value.flatMap((inner) => pathsOf(inner, `${at}[]`))];
    if (typeof value !== "object" || value === null) return own;
    return [
      ...own,
      ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, at === "" ? key : `${at}.${key}`)),
    ];
  };
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, 1.5, -2e-7, "", 'a"b\\', "{[,:]}"),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom("a", "b", "trace_id", "x y"), tie("value"), { maxKeys: 3 }),
    ),
  }));
  fc.assert(
    fc.property(value, fc.boolean(), (document, printed) => {
      const text = JSON.stringify({ document }, null, printed ? 2 : 0);
      expect(shape(text).sort()).toEqual([...new Set(pathsOf({ document }))].sort());
    }),
  );
});

test("no text makes it throw", () => {
  const junk = fc.string({
    unit: fc.constantFrom('"', "{", "}", "[", "]", ",", ":", "\\", "a", "\n"),
    maxLength: 60,
  });
  fc.assert(
    fc.property(junk, (text) => shapeOf(text) instanceof Set),
    { numRuns: 300 },
  );
});

test("a head that ends inside of a long embedded document is looked at in no time that grows with its square", () => {
  const head = `{"a":"${String.raw`{\"b\":\"c\"},`.repeat(60_000)}`;
  expect(shape(head)).toEqual(["a"]);
});

test("separators and comments before a document are passed over", () => {
  const head = sourceHead('\u001e \n// note {"x":1}\n{"a":1}', true);
  expect(head.isJson).toBe(true);
  expect([...head.shape()]).toEqual(["a"]);
  expect(sourceHead("trace_id\n", true).isJson).toBe(false);
});
