/** How a seed is damaged: recipes that fast-check makes, and shrinks where one makes reading fail. */
import { gzipSync, zstdCompressSync } from "node:zlib";
import * as fc from "fast-check";
import type { Seed } from "./seeds.ts";

/** Places are shares of the whole, so that they mean something whatever was done before. */
type Mutation =
  | { kind: "flip"; at: number; bit: number }
  | { kind: "write"; at: number; bytes: Uint8Array }
  | { kind: "insert"; at: number; text: string }
  | { kind: "cut"; at: number; share: number }
  | { kind: "truncate"; at: number }
  | { kind: "repeat"; at: number; share: number; times: number }
  | { kind: "splice"; at: number; other: number; from: number; share: number }
  | { kind: "nest"; at: number; opener: string; closer: string; depth: number }
  | { kind: "value"; nth: number; text: string }
  | { kind: "key"; nth: number; text: string }
  | { kind: "number"; at: number; value: number; size: 1 | 2 | 4 | 8 };

type Packing = "none" | "gzip" | "zstd" | "utf16le" | "utf16be" | "latin1" | "mark" | "twice";

export interface Recipe {
  seed: number;
  mutations: Mutation[];
  packing: Packing;
  /** Done to what was packed. */
  damage: Mutation[];
}

/** More than any seed needs, and less than a case should take. */
const MAX_BYTES = 4 * 1024 * 1024;

const KEYS = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "traceId",
  "trace_id",
  "spans",
  "data",
  "",
  "a.b",
  "[]",
  "\\u0000",
  "\\",
];
const VALUES = [
  "null",
  "true",
  '""',
  "[]",
  "{}",
  "-",
  "-0",
  "1e999",
  "1.07E+18",
  "9007199254740993",
  `1${"0".repeat(400)}`,
  '"__proto__"',
  '"\\ud800"',
  '"\\u0000"',
  '{"__proto__":{"traceId":"polluted","trace_id":"polluted"}}',
  '{"constructor":{"prototype":{"polluted":"yes"}}}',
  "[[[]]]",
  "[null]",
  `"${"x".repeat(600)}"`,
  "NaN",
  "'x'",
];
const TEXTS = [
  '"',
  '""',
  "\\",
  "\n",
  "\r",
  "\r\n",
  ",",
  ";",
  "\t",
  "|",
  "│",
  "{",
  "}",
  "[",
  "]",
  ":",
  "\u001e",
  "\u0000",
  "\ufeff",
  "//",
  "/*",
  "=1+1",
  "'=",
  "\\N",
  "---",
  "(1 row)",
  "\u2028",
  "{}\n",
  "[]\n",
  "PAR1",
  "\u001f\u008b",
];
const OPENERS: readonly (readonly [opener: string, closer: string])[] = [
  ["[", "]"],
  ['{"a":', "}"],
  ['{"subsegments":[', "]}"],
  ['{"trace":', "}"],
  ['[{"data":', "}]"],
  ['"', '"'],
  ["{[", ""],
];

const place = fc.double({ min: 0, max: 1, noNaN: true });
const share = fc.double({ min: 0, max: 0.5, noNaN: true });
const depth = fc.oneof(fc.nat({ max: 20 }), fc.constantFrom(1000, 10_000, 100_000));

const onBytes: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant("flip"), at: place, bit: fc.nat({ max: 7 }) }),
  fc.record({
    kind: fc.constant("write"),
    at: place,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
  }),
  fc.record({
    kind: fc.constant("number"),
    at: place,
    value: fc.constantFrom(0, 1, 127, 128, 255, 65_535, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1),
    size: fc.constantFrom(1, 2, 4, 8),
  }),
  fc.record({ kind: fc.constant("cut"), at: place, share }),
  fc.record({ kind: fc.constant("truncate"), at: place }),
  fc.record({ kind: fc.constant("repeat"), at: place, share, times: fc.integer({ min: 2, max: 20 }) }),
);

const onText: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({
    kind: fc.constant("insert"),
    at: place,
    text: fc.oneof(fc.constantFrom(...TEXTS), fc.string({ unit: "binary", maxLength: 20 })),
  }),
  fc.record({ kind: fc.constant("splice"), at: place, other: fc.nat(), from: place, share }),
  fc
    .record({ at: place, pair: fc.constantFrom(...OPENERS), depth, closed: fc.boolean() })
    .map(({ at, pair: [opener, closer], depth, closed }) => ({
      kind: "nest" as const,
      at,
      opener,
      closer: closed ? closer : "",
      depth,
    })),
  fc.record({
    kind: fc.constant("value"),
    nth: fc.nat({ max: 200 }),
    text: fc.oneof(
      fc.constantFrom(...VALUES),
      fc.json({ maxDepth: 4 }),
      fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
    ),
  }),
  fc.record({ kind: fc.constant("key"), nth: fc.nat({ max: 200 }), text: fc.constantFrom(...KEYS) }),
);

export function recipes(seeds: readonly Seed[]): fc.Arbitrary<Recipe> {
  return fc.record({
    seed: fc.nat({ max: seeds.length - 1 }),
    mutations: fc.array(fc.oneof({ arbitrary: onBytes, weight: 1 }, { arbitrary: onText, weight: 2 }), {
      maxLength: 5,
    }),
    packing: fc.oneof(
      { arbitrary: fc.constant<Packing>("none"), weight: 8 },
      {
        arbitrary: fc.constantFrom<Packing>("gzip", "zstd", "utf16le", "utf16be", "latin1", "mark", "twice"),
        weight: 2,
      },
    ),
    damage: fc.oneof(
      { arbitrary: fc.constant<Mutation[]>([]), weight: 3 },
      { arbitrary: fc.array(onBytes, { maxLength: 3 }), weight: 1 },
    ),
  });
}

export function bytesOf({ seed, mutations, packing, damage }: Recipe, seeds: readonly Seed[]): Buffer {
  const mutate = (bytes: Buffer, mutation: Mutation): Buffer =>
    mutated(bytes, mutation, seeds).subarray(0, MAX_BYTES);
  const bytes = mutations.reduce(mutate, seeds[seed]?.bytes ?? Buffer.alloc(0));
  return damage.reduce(mutate, packed(bytes, packing));
}

function mutated(bytes: Buffer, mutation: Mutation, seeds: readonly Seed[]): Buffer {
  const position = (share: number): number => Math.floor(share * bytes.length);
  const around = (at: number, middle: Uint8Array, to = at): Buffer =>
    Buffer.concat([bytes.subarray(0, at), middle, bytes.subarray(to)]);
  switch (mutation.kind) {
    case "flip": {
      const at = position(mutation.at);
      return around(at, Buffer.from([(bytes[at] ?? 0) ^ (1 << mutation.bit)]), at + 1);
    }
    case "write": {
      const at = position(mutation.at);
      return around(at, mutation.bytes, at + mutation.bytes.length);
    }
    case "number": {
      const at = position(mutation.at);
      const number = Buffer.alloc(8);
      number.writeBigUInt64LE(BigInt(mutation.value));
      return around(at, number.subarray(0, mutation.size), at + mutation.size);
    }
    case "insert":
      return around(position(mutation.at), Buffer.from(mutation.text));
    case "cut":
      return around(position(mutation.at), Buffer.alloc(0), position(mutation.at + mutation.share));
    case "truncate":
      return bytes.subarray(0, position(mutation.at));
    case "repeat": {
      const part = bytes.subarray(position(mutation.at), position(mutation.at + mutation.share));
      const times = Math.min(mutation.times, Math.floor(MAX_BYTES / Math.max(1, part.length)));
      return around(position(mutation.at), Buffer.concat(Array.from({ length: times }, () => part)));
    }
    case "splice": {
      const other = seeds[mutation.other % seeds.length]?.bytes ?? bytes;
      const from = Math.floor(mutation.from * other.length);
      const length = Math.floor(mutation.share * other.length);
      return around(position(mutation.at), other.subarray(from, from + length));
    }
    case "nest": {
      const at = position(mutation.at);
      const opener = Buffer.from(mutation.opener.repeat(mutation.depth));
      const closer = Buffer.from(mutation.closer.repeat(mutation.depth));
      return Buffer.concat([bytes.subarray(0, at), opener, bytes.subarray(at), closer]);
    }
    case "value":
      return replacedNth(bytes, /(?<=:\s*)(?:"(?:[^"\\\n]|\\.)*"|[\w.+-]+)/g, mutation);
    case "key":
      return replacedNth(bytes, /(?<=")(?:[^"\\\n]|\\.)*(?="\s*:)/g, mutation);
    default:
      return mutation satisfies never;
  }
}

/** Of what the pattern finds, counted round and round. */
function replacedNth(bytes: Buffer, pattern: RegExp, by: { nth: number; text: string }): Buffer {
  // One character a byte, so that broken text survives.
  const text = bytes.toString("latin1");
  const found = [...text.matchAll(pattern)];
  const match = found[by.nth % Math.max(1, found.length)];
  if (match === undefined) return bytes;
  return Buffer.concat([
    bytes.subarray(0, match.index),
    Buffer.from(by.text),
    bytes.subarray(match.index + match[0].length),
  ]);
}

function packed(bytes: Buffer, packing: Packing): Buffer {
  switch (packing) {
    case "none":
      return bytes;
    case "gzip":
      return gzipSync(bytes, { level: 1 });
    case "zstd":
      return zstdCompressSync(bytes);
    case "twice":
      return gzipSync(gzipSync(bytes, { level: 1 }), { level: 1 });
    case "utf16le":
      return Buffer.from(`\ufeff${bytes.toString("utf8")}`, "utf16le");
    case "utf16be":
      return Buffer.from(`\ufeff${bytes.toString("utf8")}`, "utf16le").swap16();
    case "latin1":
      return Buffer.from(bytes.toString("latin1"), "utf8");
    case "mark":
      return Buffer.concat([Buffer.from("\ufeff"), bytes]);
    default:
      return packing satisfies never;
  }
}
