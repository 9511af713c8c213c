/** What rows become in Redis is given back exactly as the source wrote it, and is small. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { resultText } from "../../src/store/redis/records.ts";
import { packIdentity, unpackIdentity } from "../../src/store/redis/row-identity.ts";

const hex = (digits: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`));
const text = fc.oneof(
  hex(32),
  hex(16),
  hex(32).map((id) => id.toUpperCase()),
  fc.uuid(),
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
  fc.nat().map(String),
);

test("any identity is given back as it was, whatever its texts", () => {
  fc.assert(
    fc.property(
      fc.record({
        source: fc.nat(70_000),
        line: fc.nat(),
        datasetGroupId: text,
        traceId: text,
        spanId: text,
      }),
      (identity) => {
        expect(unpackIdentity(packIdentity(identity))).toEqual(identity);
      },
    ),
  );
});

test("a row of a 32-digit trace and a 16-digit span takes less than 40 bytes", () => {
  const identity = {
    source: 3,
    line: 1_999_999,
    datasetGroupId: "123456",
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
  };
  expect(packIdentity(identity).length).toBeLessThan(40);
});

test("a UUID takes its 16 bytes, and keeps its dashes", () => {
  const identity = {
    source: 0,
    line: 1,
    datasetGroupId: "1",
    traceId: "0af76519-16cd-43dd-8448-eb211c80319c",
    spanId: "",
  };
  const packed = packIdentity(identity);
  expect(packed.length).toBeLessThan(24);
  expect(unpackIdentity(packed)).toEqual(identity);
});

test("a long message is cut to 500 characters with its code, never within a character", () => {
  const cut = resultText("api_error", `${"x".repeat(489)}😀😀`);
  expect(cut.length).toBe(499);
  expect(cut.isWellFormed()).toBe(true);
  expect(resultText("code", "short")).toBe("code\0short");
  expect(resultText(undefined, undefined)).toBe("");
});
