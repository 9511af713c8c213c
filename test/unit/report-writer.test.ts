/** The report on disk: which files, in which order and form, and what happens when the disk says no. */
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse } from "csv-parse/sync";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TraceloadError } from "../../src/core/errors.ts";
import { REPORT_COLUMNS, storedReportRows } from "../../src/report/columns.ts";
import type { ReportRow } from "../../src/report/columns.ts";
import { buildSummary } from "../../src/report/summary.ts";
import type { RunSummary } from "../../src/report/summary.ts";
import type { ReportTally } from "../../src/report/tally.ts";
import { checkReportDirectory, writeReport } from "../../src/report/writer.ts";
import { addedRow, inBatches, otherRow } from "./report-fixture.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "traceload-report-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

function summarize(tally: ReportTally): RunSummary {
  return buildSummary({
    run: {
      runId: "r1",
      state: "finished",
      sourceComplete: true,
      halt: undefined,
      warnings: [],
      counts: undefined,
      createdAt: 0,
      finishedAt: 1_000,
    },
    tally,
    rate: { limitPerSecond: 10, achievedPerSecond: 9.9 },
    reportDir: path.join(directory, "r1"),
    next: [],
    dryRun: false,
    nowMs: 2_000,
  });
}

const write = (rows: readonly ReportRow[]) =>
  writeReport({ directory, runId: "r1", rows: inBatches(rows), summarize });
const read = (name: string) => readFile(path.join(directory, "r1", name), "utf8");
const readCells = async (name: string): Promise<string[][]> => parse(await read(name));

describe("a report's files", () => {
  test("rows.csv holds every row in input order, under the columns that scripts count on", async () => {
    const written = await write([addedRow(1), addedRow(2, { spanId: "", mode: "trace" }), addedRow(3)]);
    expect(await read("rows.csv")).toBe(
      `row,file,line,dataset_group_id,trace_id,span_id,status,draft_dataset_id,mode,attempts,http_status,error_code,error,duration_ms,finished_at,run_id
1,rows.csv,2,42,trace-1,span-1,added,501,span,1,201,,,38,2026-07-21T10:00:00.007Z,r1
2,rows.csv,3,42,trace-2,,added,501,trace,1,201,,,38,2026-07-21T10:00:00.007Z,r1
3,rows.csv,4,42,trace-3,span-3,added,501,span,1,201,,,38,2026-07-21T10:00:00.007Z,r1
`,
    );
    expect(written.files).toEqual(
      ["rows.csv", "summary.json"].map((name) => path.join(directory, "r1", name)),
    );
    expect(await readdir(path.join(directory, "r1"))).toEqual(["rows.csv", "summary.json"]);
  });

  test("rows that did not make it stand in a file of their own as well, each kind apart", async () => {
    await write([
      addedRow(1),
      otherRow(2, { status: "invalid", errorCode: "empty_trace_id", error: "trace_id is empty" }),
      otherRow(3, { status: "rejected", errorCode: "trace_not_found", error: "no such trace" }),
      otherRow(4, { status: "failed", errorCode: "not_sent", error: "connection refused" }),
      otherRow(5, { status: "unknown", errorCode: "timeout", error: "no answer" }),
      otherRow(6, { status: "unprocessed" }),
      addedRow(7, { status: "duplicate" }),
    ]);
    const rowsOf = async (name: string) => (await readCells(name)).slice(1).map((cells) => cells[0]);
    expect(await rowsOf("rows.csv")).toEqual(["1", "2", "3", "4", "5", "6", "7"]);
    expect(await rowsOf("failed.csv")).toEqual(["2", "3", "4"]);
    expect(await rowsOf("unknown.csv")).toEqual(["5"]);
    expect(await rowsOf("unprocessed.csv")).toEqual(["6"]);
    const summary = JSON.parse(await read("summary.json"));
    expect(summary.counts).toEqual({
      read: 7,
      added: 1,
      duplicate: 1,
      invalid: 1,
      rejected: 1,
      failed: 1,
      unknown: 1,
      unprocessed: 1,
    });
    expect(summary.errors[0]).toEqual({
      code: "empty_trace_id",
      count: 1,
      example: "rows.csv:3: trace_id is empty",
    });
  });

  test("a run without rows has a report with a header and nothing else", async () => {
    await write([]);
    expect(await readCells("rows.csv")).toEqual([[...REPORT_COLUMNS]]);
  });
});

describe("writing a report again", () => {
  test("replaces the files and removes those that no longer hold a row", async () => {
    await write([addedRow(1), otherRow(2, { status: "unknown", errorCode: "timeout", error: "no answer" })]);
    await write([addedRow(1), addedRow(2)]);
    expect(await readdir(path.join(directory, "r1"))).toEqual(["rows.csv", "summary.json"]);
    expect((await readCells("rows.csv")).map((cells) => cells[6])).toEqual(["status", "added", "added"]);
  });

  test("that breaks off leaves the earlier report as it was", async () => {
    await write([addedRow(1)]);
    const before = await read("rows.csv");
    async function* broken(): AsyncGenerator<ReportRow[]> {
      yield [addedRow(1), addedRow(2)];
      throw await Promise.resolve(new Error("the store went away"));
    }
    await expect(writeReport({ directory, runId: "r1", rows: broken(), summarize })).rejects.toThrow(
      "the store went away",
    );
    expect(await read("rows.csv")).toBe(before);
    expect(await readdir(path.join(directory, "r1"))).toEqual(["rows.csv", "summary.json"]);
  });

  test("removes what a killed writer left long ago, and nothing that may still be written", async () => {
    const old = path.join(directory, "r1", ".partial-old");
    await mkdir(old, { recursive: true });
    await writeFile(path.join(old, "rows.csv"), "row\n");
    await utimes(path.join(old, "rows.csv"), 1, 1);
    await mkdir(path.join(directory, "r1", ".partial-new"));
    await write([addedRow(1)]);
    expect(await readdir(path.join(directory, "r1"))).toEqual([".partial-new", "rows.csv", "summary.json"]);
  });
});

describe("a report that cannot be written", () => {
  const failure = async (promise: Promise<unknown>): Promise<TraceloadError> => {
    const error: unknown = await promise.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof TraceloadError)) throw new Error(`not the error expected: ${String(error)}`);
    return error;
  };

  test("because a file is in the way says so, with the path", async () => {
    await writeFile(path.join(directory, "r1"), "");
    const error = await failure(write([addedRow(1)]));
    expect(error.code).toBe("report_unwritable");
    expect(error.message).toBe(
      `the report cannot be written: ${path.join(directory, "r1")}: a file is in the way (EEXIST)`,
    );
  });

  test.runIf(process.platform === "linux")("where no directory can be made ends, and says so", async () => {
    const error = await failure(
      writeReport({ directory: "/proc/x", runId: "r1", rows: inBatches([]), summarize }),
    );
    expect([error.code, error.message]).toEqual([
      "report_unwritable",
      "the report cannot be written: /proc/x/r1: no directory can be made there (ENOENT)",
    ]);
  });

  test("is known before there is anything to report; asking leaves nothing behind", async () => {
    await checkReportDirectory(path.join(directory, "not", "there", "yet"));
    await checkReportDirectory(directory);
    expect(await readdir(directory)).toEqual([]);
    await writeFile(path.join(directory, "file"), "");
    for (const place of ["file", "file/below", ...(process.platform === "linux" ? ["/proc/x"] : [])]) {
      const error = await failure(checkReportDirectory(path.resolve(directory, place)));
      expect(error.code).toBe("report_unwritable");
    }
  });

  const mounted = process.platform === "linux" && process.getuid?.() === 0 && canMount();
  test.skipIf(!mounted)("because the disk is full says so, and leaves the earlier report whole", async () => {
    const disk = path.join(directory, "disk");
    await mkdir(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]);
    try {
      const to = (count: number) =>
        writeReport({
          directory: disk,
          runId: "r1",
          rows: inBatches(
            Array.from({ length: count }, (_, index) => addedRow(index + 1)),
            100,
          ),
          summarize,
        });
      await to(100);
      const before = await readFile(path.join(disk, "r1", "rows.csv"), "utf8");
      const error = await failure(to(2_000));
      expect(error.message).toBe(
        `the report cannot be written: ${path.join(disk, "r1", "rows.csv")}: no space left on the disk (ENOSPC)`,
      );
      expect(await readFile(path.join(disk, "r1", "rows.csv"), "utf8")).toBe(before);
      expect(await readdir(path.join(disk, "r1"))).toEqual(["rows.csv", "summary.json"]);
    } finally {
      execFileSync("umount", [disk]);
    }
  });
});

test("rows are taken from the store a page at a time, and those without a result stand as unprocessed", async () => {
  const { file: _file, ...stored } = addedRow(0);
  const asked: number[] = [];
  const all = Array.from({ length: 5 }, (_, index) => ({
    ...stored,
    row: index + 1,
    source: index === 4 ? 1 : 0,
    status: index === 4 ? ("queued" as const) : ("added" as const),
  }));
  const pages: ReportRow[][] = [];
  const store = {
    readRows: (_runId: string, page: { fromRow: number; limit: number }) => {
      asked.push(page.fromRow);
      return Promise.resolve(all.filter(({ row }) => row >= page.fromRow).slice(0, page.limit));
    },
  };
  for await (const page of storedReportRows(
    store,
    { runId: "r1", sources: ["a.csv", "-"] },
    { pageRows: 2 },
  )) {
    pages.push(page);
  }
  expect(asked).toEqual([1, 3, 5]);
  expect(pages.flat().map(({ row, file, status }) => [row, file, status])).toEqual([
    [1, "a.csv", "added"],
    [2, "a.csv", "added"],
    [3, "a.csv", "added"],
    [4, "a.csv", "added"],
    [5, "-", "unprocessed"],
  ]);
});

function canMount(): boolean {
  try {
    execFileSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
