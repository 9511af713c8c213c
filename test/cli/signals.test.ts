/** Ctrl-C once: what is in flight is awaited, and the report written. Twice: it leaves at once. */
import { expect, test } from "vitest";
import { openAnyStore } from "../support/any-store.ts";
import { audit } from "../support/audit.ts";
import { readReport } from "../support/report-files.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { startTestSandbox } from "../support/sandbox.ts";
import { openScene } from "../support/scene.ts";

const anyStore = await openAnyStore();
const ROWS = 400;
/** Some 30 rows are read at a time. */
const LONG_CHARS = 1_000;

test("the first SIGINT lets rows in flight finish, reports on what was read, and exits 130", async () => {
  const scene = await openScene("sigint");
  const sandbox = await startTestSandbox(scene, ["--latency", "250ms"]);
  const file = await scene.write("rows.csv", csvOf(rowIds(ROWS), LONG_CHARS));
  const importing = scene.start([
    "import",
    file,
    "--dataset-group=42",
    `--base-url=${sandbox.url}`,
    "--rate=unlimited",
    "--concurrency=8",
    // Reading waits when so many rows are waiting: there are always some that were not read.
    "--high-water=100",
    "--json",
  ]);
  await importing.until(async () => (await sandbox.stats()).applied >= 16);
  await importing.kill("SIGINT");
  const ended = await importing.ended;
  expect(ended.code).toBe(130);
  expect(ended.stderr).toContain("stopping");
  const report = await readReport(scene.directory, ended);
  expect(audit({ record: await sandbox.record(), report })).toEqual([]);
  expect(report.summary).toMatchObject({ state: "interrupted", exitCode: 130, sourceComplete: false });
  const { read, added, unprocessed, unknown } = report.summary.counts;
  expect({ unknown, rest: read - added - unprocessed }).toEqual({ unknown: 0, rest: 0 });
  expect(unprocessed).toBeGreaterThan(0);
  expect(read).toBeLessThan(ROWS);
  expect(report.summary.next[0]).toContain("traceload resume");
}, 60_000);

test("SIGTERM does the same, and exits 143", async () => {
  const scene = await openScene("sigterm", { env: await anyStore.env() });
  const sandbox = await startTestSandbox(scene, ["--latency", "100ms"]);
  const file = await scene.write("rows.csv", csvOf(rowIds(200)));
  const to = [`--base-url=${sandbox.url}`, "--rate=20/s", "--json"];
  const importing = scene.start(["import", file, "-g", "42", ...to]);
  await importing.until(async () => (await sandbox.stats()).applied >= 3);
  await importing.kill("SIGTERM");
  const ended = await importing.ended;
  expect(ended.code).toBe(143);
  const report = await readReport(scene.directory, ended);
  expect(audit({ record: await sandbox.record(), report })).toEqual([]);
  expect(report.summary.counts.unknown).toBe(0);
}, 60_000);

test("the second SIGINT leaves at once; the rows in flight are unknown in the next report", async () => {
  const scene = await openScene("sigint-twice");
  const sandbox = await startTestSandbox(scene, ["--fault", "hang@1..1000"]);
  const file = await scene.write("rows.csv", csvOf(rowIds(20)));
  const importing = scene.start([
    "import",
    file,
    "--dataset-group=42",
    `--base-url=${sandbox.url}`,
    "--rate=unlimited",
    "--concurrency=4",
  ]);
  await importing.until(async () => (await sandbox.stats()).addTraceArrivals === 4);
  await importing.kill("SIGINT");
  await importing.until(() => importing.stderr().includes("stopping"));
  await importing.kill("SIGINT");
  expect((await importing.ended).code).toBe(130);

  const again = await scene.run(["report", "latest", "--json"]);
  const report = await readReport(scene.directory, again);
  expect(report.summary.counts).toMatchObject({ read: 20, unknown: 4, unprocessed: 16 });
  expect(report.summary.state).toBe("interrupted");
}, 60_000);
