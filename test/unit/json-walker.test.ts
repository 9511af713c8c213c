/** Values on paths of JSON text, whatever its size and however it comes in pieces. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JsonWalker, type WalkFault, type WalkerOptions } from "../../src/sources/json/walker.ts";

interface Walk {
  /** `path@line text`; `…` for one that is too long. */
  found: string[];
  broken: WalkFault[];
  fault: WalkFault | undefined;
}

function walk(pieces: readonly string[], options: Partial<WalkerOptions> = {}): Walk {
  const walker = new JsonWalker({ paths: ["a[].b"], lines: false, ...options });
  const found: string[] = [];
  const broken: WalkFault[] = [];
  for (const piece of pieces) {
    for (const { path, line, ...rest } of walker.push(piece)) {
      if ("message" in rest) broken.push({ line, message: rest.message });
      else found.push(`${path}@${line} ${rest.text ?? "…"}`);
    }
  }
  walker.end();
  return { found, broken, fault: walker.fault };
}

const inLines = (text: string): Walk => walk([text], { lines: true });

describe("paths", () => {
  test.each<[what: string, paths: string[], text: string, found: string[]]>([
    ["keys under keys", ["a.b"], '{"a":{"x":1,"b":2}}', ["a.b@1 2"]],
    ["elements", ["a[]"], '{"a":[1,"x",{"y":[]}]}', ["a[]@1 1", 'a[]@1 "x"', 'a[]@1 {"y":[]}']],
    ["elements of elements", ["[][]"], "[[1],[],[2,3]]", ["[][]@1 1", "[][]@1 2", "[][]@1 3"]],
    ["the document", [""], '{"a":1} [2]', ['@1 {"a":1}', "@1 [2]"]],
    ["several paths", ["a[]", "b.c"], '{"b":{"c":null},"a":[true]}', ["b.c@1 null", "a[]@1 true"]],
    ["a key that stands twice", ["a"], '{"a":1,"a":2}', ["a@1 1", "a@1 2"]],
    ["a key with escapes is another key", ["a"], String.raw`{"\u0061":1}`, []],
    ["an array where an object was looked for", ["a.b"], '{"a":[{"b":1}]}', []],
    ["an object where an array was looked for", ["a[]"], '{"a":{"b":1}}', []],
    ["the same key elsewhere", ["a.b"], '{"b":1,"c":{"a":{"b":2}},"a":{"b":3}}', ["a.b@1 3"]],
    ["empty containers", ["a[].b"], '{"a":[]}{"a":[{}]}{}', []],
  ])("%s", (_, paths, text, found) => {
    expect(walk([text], { paths })).toEqual({ found, broken: [], fault: undefined });
  });

  test("values know the line that they start on", () => {
    const text = '{"a": [\n {"b":\n  {"x":\n 1}},\r\n\n {"b": 2}\n]}\n{"a":[{"b":3}]}';
    expect(walk([text]).found).toEqual(['a[].b@3 {"x":\n 1}', "a[].b@6 2", "a[].b@8 3"]);
  });
});

describe("pieces", () => {
  const TEXT =
    String.raw`// note
{"x":"{\"a\":[{\"b\":0}]}\\","a" : [ {"b":"one\\"} , {"c":[1,{"b":2}],"b":-1.5e3}],"y":null}
` + `\u001e{"a":[{"b":{"s":"]}\\"","t":[[]]}},{"b":[true]}]}\n`;
  const FOUND = [
    String.raw`a[].b@2 "one\\"`,
    "a[].b@2 -1.5e3",
    String.raw`a[].b@3 {"s":"]}\"","t":[[]]}`,
    "a[].b@3 [true]",
  ];

  test.each([true, false])("cut anywhere they read the same (one document a line: %s)", (lines) => {
    const whole = { found: FOUND, broken: [], fault: undefined };
    expect(walk([TEXT], { lines })).toEqual(whole);
    for (let cut = 0; cut <= TEXT.length; cut += 1) {
      expect(walk([TEXT.slice(0, cut), TEXT.slice(cut)], { lines }), `cut at ${cut}`).toEqual(whole);
    }
    expect(walk(TEXT.split(""), { lines })).toEqual(whole);
  });

  test("of any document read the same, and find what JSON.parse finds", () => {
    const document = fc.record({
      x: fc.jsonValue(),
      a: fc.array(fc.record({ c: fc.jsonValue(), b: fc.jsonValue() }), { maxLength: 4 }),
    });
    fc.assert(
      fc.property(document, fc.integer({ min: 1, max: 9 }), fc.boolean(), (value, size, printed) => {
        const text = JSON.stringify(value, null, printed ? 2 : undefined);
        const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
        const walked = walk(pieces);
        expect(walked).toEqual(walk([text]));
        expect(walked.fault).toBeUndefined();
        const values = walked.found.map((found): unknown => JSON.parse(found.slice(found.indexOf(" "))));
        expect(values).toEqual(value.a.map(({ b }): unknown => JSON.parse(JSON.stringify(b))));
      }),
      { numRuns: 150 },
    );
  });

  test("of any junk read the same, and end in what was found and at most one fault", () => {
    const junk = fc.string({
      unit: fc.constantFrom(
        '"',
        ",",
        "\n",
        "a",
        "1",
        " ",
        "{",
        "}",
        "[",
        "]",
        ":",
        "\\",
        "/",
        '{"a":[{"b":1}]}',
      ),
      maxLength: 40,
    });
    fc.assert(
      fc.property(junk, fc.boolean(), fc.integer({ min: 1, max: 5 }), (text, lines, size) => {
        const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
        expect(walk(pieces, { lines })).toEqual(walk([text], { lines }));
      }),
      { numRuns: 400 },
    );
  });
});

describe("faults", () => {
  test.each([
    ['{"a":[{"b":1}', 1, /cut off/],
    ['{"a":[{"b":1},\n{"b":"x', 2, /cut off/],
    ['{"a":', 1, /cut off/],
    ['{"a":[{"b":1}\n{"b":2}]}', 2, /"," or "\]" is missing/],
    ['{"a":[{"b":1},]}', 1, /a value is missing before "\]"/],
    ['{"a":[{"b":}]}', 1, /a value is missing before "}"/],
    ['{"a" [1]}', 1, /":" is missing/],
    ["{a:1}", 1, /a key in quotes is missing/],
    ['{"a":1 "c":2}', 1, /"," or "}" is missing/],
    ['{"a":1}\nx', 2, /neither a JSON object nor a JSON array/],
    ['"text"', 1, /neither a JSON object nor a JSON array/],
  ])("of the structure on a path are named with their line: %s", (text, line, message) => {
    const { fault } = walk([text]);
    expect(fault).toEqual({ line, message: expect.stringMatching(message) as string });
  });

  test("what stands before one was found, and nothing behind it", () => {
    expect(walk(['{"a":[{"b":1},{"b":2},x:{"b":3}]}'.replace("x:", "},")]).found).toEqual([
      "a[].b@1 1",
      "a[].b@1 2",
    ]);
  });

  test("inside of a value are left to who parses it", () => {
    expect(walk(['{"a":[{"b":{oops}},{"b":tru}]}'])).toMatchObject({
      found: ["a[].b@1 {oops}", "a[].b@1 tru"],
      fault: undefined,
    });
  });

  test("text that ends in a comment or between documents is complete", () => {
    for (const text of ["", "\n", "// only this", '{"a":[]}\n// end'])
      expect(walk([text]).fault).toBeUndefined();
  });
});

describe("one document a line", () => {
  test("a broken line is told, and the next one is read", () => {
    const good = (value: number) => `{"a":[{"b":${value}}]}`;
    for (const bad of ['{"a":[{"b":', '{"a":[{"b":"x', "oops", '{"a":[1]]', '{"a":"x\\', '{"a":[{"b":"x\\']) {
      const { found, broken, fault } = inLines(`${good(1)}\n${bad}\n${good(2)}\r\n\n${good(3)}`);
      expect(found, bad).toEqual(["a[].b@1 1", "a[].b@3 2", "a[].b@5 3"]);
      expect(broken.map(({ line }) => line)).toEqual([2]);
      expect(fault).toBeUndefined();
    }
  });

  test("broken lines come in their places among the others, however the text comes in pieces", () => {
    const text = '{"a":[{"b":1},oops\n{"a":[{"b":2}]}\noops\n{"a":[{"b":3}]}\n';
    for (const size of [1, 7, text.length]) {
      const walker = new JsonWalker({ paths: ["a[].b"], lines: true });
      const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
      const seen = pieces.flatMap((piece) => walker.push(piece));
      expect(seen.map(({ path, line }) => `${path ?? "broken"}@${line}`)).toEqual([
        "a[].b@1",
        "broken@1",
        "a[].b@2",
        "broken@3",
        "a[].b@4",
      ]);
    }
  });

  test("what was found in a line before it broke stays", () => {
    expect(inLines('{"a":[{"b":1},{"b":2},oops:\n{"a":[{"b":3}]}\n').found).toEqual([
      "a[].b@1 1",
      "a[].b@1 2",
      "a[].b@2 3",
    ]);
  });

  test("a last line that is cut off is a fault", () => {
    expect(inLines('{"a":[{"b":1}]}\n{"a":[{"b":2},')).toMatchObject({
      found: ["a[].b@1 1", "a[].b@2 2"],
      fault: { line: 2, message: expect.stringMatching(/cut off/) as string },
    });
  });

  test("text of one line that is broken is a fault: all behind it is lost", () => {
    expect(inLines('{"a":[{"b":1},,{"b":2}]}').fault).toMatchObject({ line: 1 });
    expect(inLines('{"a":[{"b":1},,{"b":2}]}\n').fault).toBeUndefined();
  });
});

describe("size", () => {
  test("a value that is longer than allowed is told by its line, and the next one is read", () => {
    const text = `{"a":[{"b":"${"x".repeat(9)}"},\n{"b":"${"x".repeat(8)}"}]}`;
    const short = `a[].b@2 "${"x".repeat(8)}"`;
    expect(walk([text], { maxChars: 10 }).found).toEqual(["a[].b@1 …", short]);
    expect(walk(text.split(""), { maxChars: 10 }).found).toEqual(["a[].b@1 …", short]);
  });

  test("nesting of any depth is passed over and handed out", () => {
    const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
    expect(walk([`{"x":${deep},"a":[{"b":${deep}},{"b":1}]}`])).toEqual({
      found: [`a[].b@1 ${deep}`, "a[].b@1 1"],
      broken: [],
      fault: undefined,
    });
  });
});
