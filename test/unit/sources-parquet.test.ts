/** Parquet files: tables with typed columns, read by their name. */
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { SourceOptions, SourcePlan } from "../../src/core/source.ts";
import { TraceloadError } from "../../src/core/errors.ts";
import { openSources } from "../../src/sources/open.ts";
import { slicesOf } from "../../src/sources/parquet-slices.ts";
import { parquetSource } from "../../src/sources/parquet.ts";
import { A, B, S1, S2, S3 } from "../support/exports.ts";
import { DEFAULT_OPTIONS, brief, collect, inDirectory, type Reading } from "../support/source-reading.ts";

/**
 * Written with hyparquet-writer: `spans` in row groups of two, IDs as texts; `logs` with IDs as bytes; `tempo-links`, two
 * traces in a block with a page for each value and no index of pages. With pyarrow:
 * `tempo`, three traces in the columns of a block, its pages so small that they end within a trace; `phoenix`.
 */
const FIXTURES = join(import.meta.dirname, "../fixtures/exports");
const fixture = (name: string): string => join(FIXTURES, `${name}.parquet`);

async function read(
  path: string,
  options: Partial<SourceOptions> = {},
  stdin: Readable = Readable.from([]),
): Promise<Reading & { plan: SourcePlan | undefined }> {
  const environment = { stdin, stdinAgain: () => stdin };
  const sources = await openSources([path], { ...DEFAULT_OPTIONS, ...options }, environment);
  const { signal } = new AbortController();
  const [plan] = await sources.plan(signal);
  return { plan, ...(await collect(sources.rows(signal))) };
}

describe("a file of spans", () => {
  test("is its distinct traces, over all row groups", async () => {
    const { plan, rows, fault } = await read(fixture("spans"));
    expect(fault).toBeUndefined();
    expect(plan).toMatchObject({ format: "Parquet", unit: "trace", distinct: { traces: 2, spans: 3 } });
    expect(brief(rows)).toEqual([`${A}/`, `${B}/`]);
    expect(rows.map(({ line }) => line)).toEqual([1, 3]);
  });

  test("is its spans, or its roots", async () => {
    expect(brief((await read(fixture("spans"), { unit: "span" })).rows)).toEqual([
      `${A}/${S1}`,
      `${A}/${S2}`,
      `${B}/${S3}`,
    ]);
    const roots = await read(fixture("spans"), { unit: "span", rootOnly: true, format: "parquet" });
    expect(brief(roots.rows)).toEqual([`${A}/${S1}`, `${B}/${S3}`]);
  });
});

test("IDs that are bytes become hex, and log records outside of a trace are passed over", async () => {
  const { plan, rows } = await read(fixture("logs"), { unit: "span" });
  expect(brief(rows)).toEqual([`${A}/${S1}`, `${A}/${S2}`, `${B}/${S3}`]);
  expect(plan?.passedOver).toEqual([{ what: "log records outside of a trace", count: 1 }]);
});

describe("a block of Tempo's", () => {
  const C = "00000000000000000123456789abcdef";

  test("is its traces, zeros in front included, and those without spans", async () => {
    const { plan, rows, fault } = await read(fixture("tempo"));
    expect(fault).toBeUndefined();
    expect(plan).toMatchObject({ format: "Parquet", unit: "trace", distinct: { traces: 3 } });
    expect(brief(rows)).toEqual([`${A}/`, `${B}/`, `${C}/`]);
  });

  test("is its spans, whatever resource they are of, or its roots", async () => {
    const { rows } = await read(fixture("tempo"), { unit: "span" });
    expect(brief(rows)).toEqual([`${A}/${S1}`, `${A}/${S2}`, `${B}/${S3}`, "3:missing_span_id"]);
    const roots = await read(fixture("tempo"), { unit: "span", rootOnly: true });
    expect(brief(roots.rows)).toEqual([`${A}/${S1}`, `${B}/${S3}`, "3:missing_span_id"]);
  });

  test("has links, whose SpanIDs are none of its own", async () => {
    const { rows, fault } = await read(fixture("tempo-links"), { unit: "span" });
    expect(fault).toBeUndefined();
    expect(brief(rows)).toEqual([`${A}/${S1}`, `${A}/${S2}`, `${B}/${S3}`]);
    const roots = await read(fixture("tempo-links"), { unit: "span", rootOnly: true });
    expect(brief(roots.rows)).toEqual([`${A}/${S1}`, `${B}/${S3}`]);
  });

  test.each([40, 200, 700, 1500])("whose bytes are damaged at %d ends in an error or in rows", (place) =>
    inDirectory(async (directory) => {
      const path = join(directory, "damaged.parquet");
      const bytes = readFileSync(fixture("tempo"));
      bytes[place] = (bytes[place] ?? 0) ^ 0xff;
      writeFileSync(path, bytes);
      const { rows, fault } = await read(path, { unit: "span" });
      if (fault === undefined) expect(rows.length).toBeGreaterThan(0);
      else expect(fault).toMatchObject({ code: "source_format" });
    }),
  );
});

test("Phoenix's DataFrame is read by its dotted names, columns in columns left aside", async () => {
  const { rows, fault } = await read(fixture("phoenix"), { unit: "span" });
  expect(fault).toBeUndefined();
  expect(brief(rows)).toEqual([`${A}/${S1}`, `${A}/${S2}`, `${B}/${S3}`]);
  const roots = await read(fixture("phoenix"), { unit: "span", rootOnly: true });
  expect(brief(roots.rows)).toEqual([`${A}/${S1}`, `${B}/${S3}`]);
});

test("a bounded number of rows is read at a time, and never those of two row groups", () => {
  const group = (rows: number) => ({ num_rows: BigInt(rows), total_byte_size: 0n, columns: [] });
  expect([...slicesOf({ row_groups: [group(120_000), group(0), group(10)] })]).toEqual([
    { from: 0, to: 50_000 },
    { from: 50_000, to: 100_000 },
    { from: 100_000, to: 120_000 },
    { from: 120_000, to: 120_010 },
  ]);
});

describe("columns", () => {
  test.each(["run1", "2"])("are the user's choice: %s", async (traceColumn) => {
    const { rows, fault } = await read(fixture("list"), { traceColumn });
    expect(fault).toBeUndefined();
    expect(rows.map(({ traceId, datasetGroupId }) => [traceId, datasetGroupId])).toEqual([
      [A, "7"],
      [B, "8"],
    ]);
  });

  test("that are not known are named, and no name is taken for an ID", async () => {
    const { rows, fault } = await read(fixture("list"));
    expect(rows).toEqual([]);
    expect(fault).toMatchObject({
      code: "source_columns",
      message: expect.stringMatching(/no column .* it has "label", "run1", "dataset_group_id"/) as string,
    });
  });
});

describe("what cannot be read", () => {
  test("from standard input is refused, with what to do", async () => {
    const stdin = Readable.from([readFileSync(fixture("spans"))], { objectMode: false });
    await expect(read("-", {}, stdin)).rejects.toMatchObject({
      code: "source_format",
      message: expect.stringMatching(/is a Parquet file/) as string,
      next: expect.stringMatching(/by its name/) as string,
    });
  });

  test("compressed as a whole is refused, with what to do", () =>
    inDirectory(async (directory) => {
      const file = join(directory, "a.parquet.gz");
      writeFileSync(file, gzipSync(readFileSync(fixture("spans"))));
      await expect(read(file)).rejects.toMatchObject({ next: expect.stringMatching(/unpacked/) as string });
    }));

  test.each([4, 12, 400, 1131])("cut off after %i bytes is an error, and no crash", (bytes) =>
    inDirectory(async (directory) => {
      const file = join(directory, "cut.parquet");
      copyFileSync(fixture("spans"), file);
      truncateSync(file, bytes);
      expect((await read(file)).fault).toMatchObject({
        code: "source_format",
        message: expect.stringMatching(/a Parquet file that cannot be read/) as string,
      });
    }),
  );

  test("under its name is another file: --format parquet", () =>
    inDirectory(async (directory) => {
      const file = join(directory, "a.csv");
      writeFileSync(file, "trace_id\nt1\n");
      expect((await read(file, { format: "parquet" })).fault).toMatchObject({
        code: "source_format",
        message: expect.stringMatching(/is no Parquet file/) as string,
      });
    }));
});

describe("bytes that are damaged", () => {
  const readAll = async (path: string, pieceMs: number): Promise<unknown> => {
    const { signal } = new AbortController();
    const source = parquetSource({ path, chosen: [], onBytes: () => undefined, pieceMs }, signal);
    try {
      for await (const records of source.format.records(source.text, path)) expect(records).not.toEqual([]);
      return "read";
    } catch (error) {
      return error instanceof TraceloadError ? `${error.code}: ${error.message}` : error;
    }
  };

  test.each([20, 119, 250, 395])("at %d end in an error or in rows", (place) =>
    inDirectory(async (directory) => {
      const path = join(directory, "damaged.parquet");
      const bytes = readFileSync(fixture("spans"));
      bytes[place] = (bytes[place] ?? 0) ^ 0xff;
      writeFileSync(path, bytes);
      expect(await readAll(path, 10_000)).toMatch(/^(?:read$|source_format: )/);
    }),
  );

  test("and keep the decoder busy are given up after a time", async () => {
    expect(await readAll(fixture("spans"), 1)).toMatch(/^source_format: .* cannot be decoded in time$/);
  });
});
