import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { brief, readFileOf, readStdin } from "../support/source-reading.ts";

const TEXT = "trace_id,span_id\nt1,s1\nt2,s2\n";
const WANTED = ["t1/s1", "t2/s2"];
const fault = (code: string, message: RegExp): unknown =>
  expect.objectContaining({ code, message: expect.stringMatching(message) as string });

function utf16(text: string, order: "LE" | "BE", mark: boolean): Buffer {
  const bytes = Buffer.from(mark ? `\uFEFF${text}` : text, "utf16le");
  return order === "LE" ? bytes : bytes.swap16();
}

describe("compressed sources", () => {
  const half = Buffer.from(TEXT.slice(0, 24));
  const rest = Buffer.from(TEXT.slice(24));
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

  test.each([
    ["gzip", gzipSync(TEXT)],
    ["gzip of several members", Buffer.concat([gzipSync(half), gzipSync(""), gzipSync(rest)])],
    ["zstd", zstdCompressSync(TEXT)],
    ["zstd of several frames", Buffer.concat([zstdCompressSync(half), skippable, zstdCompressSync(rest)])],
    ["zstd behind a frame to be skipped", Buffer.concat([skippable, zstdCompressSync(TEXT)])],
  ])("%s is unpacked, whatever the file is called", async (_name, bytes) => {
    expect(brief((await readFileOf(bytes)).rows)).toEqual(WANTED);
    expect(brief((await readStdin(bytes, {}, 1)).rows)).toEqual(WANTED);
  });

  test("large frames of every size come out whole", async () => {
    const ids = Array.from({ length: 60_000 }, (_, index) => `trace-${(index * 7919) % 60_013}`);
    const parts = [0, 1, 20_000, 59_999].map((from, index, starts) => ids.slice(from, starts[index + 1]));
    const frames = parts.map((part) => zstdCompressSync(`${part.join("\n")}\n`));
    const { rows } = await readFileOf(Buffer.concat([zstdCompressSync("trace_id\n"), ...frames]));
    expect(rows.map(({ traceId }) => traceId)).toEqual(ids);
  });

  test.each([
    ["gzip", gzipSync(TEXT)],
    ["gzip, second member", Buffer.concat([gzipSync(half), gzipSync(rest)])],
    ["zstd", zstdCompressSync(TEXT)],
    ["zstd, second frame", Buffer.concat([zstdCompressSync(half), zstdCompressSync(rest)])],
  ])("cut off anywhere, it is one error: %s", async (_name, bytes) => {
    for (const missing of [1, 5, 15]) {
      const reading = await readFileOf(bytes.subarray(0, bytes.length - missing));
      expect(reading.fault).toEqual(
        fault("source_format", /ids\.csv is a (gzip|zstd) file that was cut off/),
      );
    }
  });

  test("the rows before the cut are read, and no half ID among them", async () => {
    const ids = Array.from(
      { length: 100_000 },
      (_, index) => `trace-${String((index * 7919) % 100_003).padStart(6, "0")}`,
    );
    const bytes = gzipSync(`trace_id\n${ids.join("\n")}\n`);
    const { rows, fault: met } = await readFileOf(bytes.subarray(0, bytes.length >>> 1));
    expect(met).toEqual(fault("source_format", /cut off/));
    expect(rows.length).toBeGreaterThan(1000);
    expect(rows.map(({ traceId }) => traceId)).toEqual(ids.slice(0, rows.length));
  });

  test("damage and double compression are named", async () => {
    const bytes = gzipSync(TEXT);
    bytes[bytes.length - 6] = (bytes.at(-6) ?? 0) ^ 0xff;
    expect((await readFileOf(bytes)).fault).toEqual(fault("source_format", /damaged gzip file/));
    expect((await readFileOf(gzipSync(gzipSync(TEXT)))).fault).toEqual(
      fault("source_format", /compressed twice/),
    );
    const garbage = Buffer.concat([zstdCompressSync(TEXT), Buffer.from("garbage")]);
    expect((await readFileOf(garbage)).fault).toEqual(fault("source_format", /damaged zstd file/));
  });
});

describe("encodings", () => {
  test.each([
    ["UTF-8 with a mark", Buffer.from(`\uFEFF${TEXT}`)],
    ["UTF-8 with a mark before a quote", Buffer.from(`\uFEFF"trace_id","span_id"\nt1,s1\nt2,s2\n`)],
    ["UTF-16 LE with a mark", utf16(TEXT, "LE", true)],
    ["UTF-16 BE with a mark", utf16(TEXT, "BE", true)],
    ["UTF-16 LE without one", utf16(TEXT, "LE", false)],
    ["UTF-16 BE without one", utf16(TEXT, "BE", false)],
    ["UTF-16 in gzip", gzipSync(utf16(TEXT, "LE", true))],
  ])("%s", async (_name, bytes) => {
    expect(brief((await readFileOf(bytes)).rows)).toEqual(WANTED);
    expect(brief((await readStdin(bytes, {}, 1)).rows)).toEqual(WANTED);
  });

  test("invalid UTF-8 is an error that names the byte, after the rows before it", async () => {
    const bytes = Buffer.concat([
      Buffer.from("trace_id,name\nt1,Zürich\nt2,Z"),
      Buffer.from([0xfc]),
      Buffer.from("rich\n"),
    ]);
    for (const reading of [await readFileOf(bytes), await readStdin(bytes, {}, 1)]) {
      expect(brief(reading.rows)).toEqual(["t1/"]);
      expect(reading.fault).toEqual(
        fault("source_format", /is not UTF-8 text: byte 29 of the file breaks it/),
      );
    }
  });

  test("a character cut off at the end of the file is an error, too", async () => {
    const { fault: met } = await readFileOf(
      Buffer.concat([Buffer.from("trace_id\nt1\nt"), Buffer.from([0xe2, 0x82])]),
    );
    expect(met).toEqual(fault("source_format", /byte 13 /));
  });

  test("broken UTF-16 is an error", async () => {
    const bytes = Buffer.concat([utf16("trace_id\nt1\n", "LE", true), Buffer.from([0x00, 0xd8, 0x41, 0x00])]);
    expect((await readFileOf(bytes)).fault).toEqual(fault("source_format", /broken UTF-16/));
  });
});

describe("files that are no tables", () => {
  test.each([
    ["a PNG image", "89504e470d0a1a0a0000000d49484452"],
    ["an Excel workbook", "504b0304140006000800"],
    ["an SQLite database", Buffer.from("SQLite format 3\0").toString("hex")],
    ["a Parquet file", Buffer.from("PAR1").toString("hex")],
    ["an Avro file", Buffer.from("Obj\x01").toString("hex")],
    ["an Arrow file", Buffer.from("ARROW1\0\0").toString("hex")],
    ["a PDF document", Buffer.from("%PDF-1.7\n").toString("hex")],
  ])("%s is refused by name, with what to do instead", async (title, hex) => {
    const bytes = Buffer.concat([Buffer.from(hex, "hex"), Buffer.alloc(100)]);
    for (const content of [bytes, gzipSync(bytes)]) {
      const { rows, fault: met } = await readFileOf(content);
      expect(rows).toEqual([]);
      expect(met).toEqual(fault("source_format", new RegExp(title)));
      expect(met).toHaveProperty("next", expect.stringMatching(/.{10}/));
    }
  });
});
