/** Files that are not there or not what they seem, and standard input. */
import { gzipSync } from "node:zlib";
import path from "node:path";
import { expect, test } from "vitest";
import { openAnyStore } from "../support/any-store.ts";
import { audit } from "../support/audit.ts";
import { readReport } from "../support/report-files.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { readRecord } from "../support/sandbox.ts";
import { openScene } from "../support/scene.ts";

const anyStore = await openAnyStore();
const PNG = Buffer.from("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489", "hex");

test.each([
  { what: "a file that does not exist", name: "absent.csv", content: undefined, says: "does not exist" },
  { what: "a directory", name: ".", content: undefined, says: "is a directory" },
  { what: "a PNG", name: "picture.csv", content: PNG, says: "PNG" },
])(
  "$what is one clear error: exit 3, its name, and what to do",
  async ({ name, content, says }) => {
    const scene = await openScene("odd-file");
    if (content !== undefined) await scene.write(name, content);
    const ended = await scene.run(["import", name, "-g", "42", "--sandbox", "--dry-run"]);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 3, stdout: "" });
    expect(ended.stderr).toContain(name);
    expect(ended.stderr).toContain(says);
    expect(ended.stderr).not.toContain("bug");
  },
  30_000,
);

test("a truncated gzip stops the run where it breaks off: exit 3, and the report holds the rows before", async () => {
  const scene = await openScene("truncated", { env: await anyStore.env() });
  const whole = gzipSync(csvOf(rowIds(3_000)));
  await scene.write("rows.csv.gz", whole.subarray(0, Math.floor(whole.length / 2)));
  const ended = await scene.run(["import", "rows.csv.gz", "-g", "42", "--sandbox", "--json"]);
  expect(ended.code).toBe(3);
  const report = await readReport(scene.directory, ended);
  const record = path.join(scene.directory, ".traceload", "sandbox-record.ndjson");
  expect(audit({ record: await readRecord(record), report })).toEqual([]);
  expect(report.summary).toMatchObject({ state: "stopped", sourceComplete: false, counts: { unknown: 0 } });
  expect(`${ended.stderr}${JSON.stringify(report.summary.errors)}`).toContain("rows.csv.gz");
}, 60_000);

test("- reads standard input", async () => {
  const scene = await openScene("stdin");
  const ended = await scene.run(["import", "-", "-g", "42", "--sandbox", "--json"], {
    stdin: gzipSync(csvOf(rowIds(20))),
  });
  expect(ended.code).toBe(0);
  const report = await readReport(scene.directory, ended);
  const record = path.join(scene.directory, ".traceload", "sandbox-record.ndjson");
  expect(audit({ record: await readRecord(record), report, rowsRead: 20 })).toEqual([]);
  expect(report.summary.counts.added).toBe(20);
}, 60_000);
