/** Runs that stopped, and go on: by `resume`, or by the same import typed again. */
import { readdir, rm, utimes } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { openAnyStore } from "../support/any-store.ts";
import { audit } from "../support/audit.ts";
import { readReport, type ReportLine } from "../support/report-files.ts";
import { csvOf, rowIds, type RowIds } from "../support/row-files.ts";
import { startTestSandbox, type TestSandbox } from "../support/sandbox.ts";
import { openScene, type Scene } from "../support/scene.ts";

const anyStore = await openAnyStore();
const ROWS = 200;
/** With few rows waiting at a time, and some 30 of these long ones read at once, some are not read when 60 % are there. */
const UNREAD_ROWS = 600;
const LONG_CHARS = 1_000;
const QUICK = ["--rate=unlimited", "--concurrency=8", "--json"];

/** What two runs over the same rows must agree in. */
function withoutTimes(rows: readonly ReportLine[]): Partial<ReportLine>[] {
  return rows.map(
    ({ attempts: _a, duration_ms: _d, finished_at: _f, run_id: _r, draft_dataset_id: _i, ...rest }) => rest,
  );
}

const arrivals = async (sandbox: TestSandbox) => (await sandbox.stats()).addTraceArrivals;

/** Every tenth row is bad in a way of its own, so that there is something to compare. */
function mixedCsv(count: number, noteChars: number): string {
  const rows = rowIds(count).map(([trace, span], index): RowIds => [index % 10 === 3 ? "" : trace, span]);
  return csvOf(rows, noteChars);
}

interface Stopped {
  scene: Scene;
  sandbox: TestSandbox;
  file: string;
  content: string;
  /** Requests that had left when the run had stopped. */
  sent: number;
}

interface ToStop {
  name: string;
  /** Of the store. */
  env: Readonly<Record<string, string>>;
  /** How many rows: `ROWS`, which are read at once, or `UNREAD_ROWS`. */
  rows: number;
  share: number;
}

/** A run that Ctrl-C stops when so large a share of its rows is there. */
async function stopped({ name, env, rows, share }: ToStop): Promise<Stopped> {
  const scene = await openScene(name, { env });
  const sandbox = await startTestSandbox(scene, ["--latency", "20ms"]);
  const content = mixedCsv(rows, rows === ROWS ? 0 : LONG_CHARS);
  const file = await scene.write("rows.csv", content);
  const importing = scene.start([
    "import",
    file,
    "--dataset-group=42",
    "--run-id=stopped",
    `--base-url=${sandbox.url}`,
    ...QUICK,
    `--high-water=${rows === ROWS ? 1_000 : 40}`,
  ]);
  await importing.until(async () => (await sandbox.stats()).applied >= rows * share);
  await importing.kill("SIGINT");
  const ended = await importing.ended;
  expect(ended.code).toBe(130);
  const { summary } = await readReport(scene.directory, ended);
  expect(summary.state).toBe("interrupted");
  expect(summary.next[0]).toBe(`traceload resume stopped --base-url ${sandbox.url}`);
  expect(summary.sourceComplete).toBe(rows === ROWS);
  return { scene, sandbox, file, content, sent: await arrivals(sandbox) };
}

test.each([
  { what: "all of whose source was read", rows: ROWS, store: "embedded" },
  { what: "some of whose source was not read", rows: UNREAD_ROWS, store: "any" },
])(
  "resume of a run stopped at 60 %, $what, sends only the rest; rows.csv is that of an undisturbed run",
  async ({ rows, store }) => {
    const env = store === "embedded" ? {} : await anyStore.env();
    const { scene, sandbox, file, sent } = await stopped({ name: "resume", env, rows, share: 0.6 });
    expect(sent).toBeLessThan(rows * 0.8);
    // Without a rate of its own it goes on at the run's.
    const ended = await scene.run(["resume", `--base-url=${sandbox.url}`, "--json"]);
    expect(ended.stderr).toContain("carrying on run stopped");
    const report = await readReport(scene.directory, ended);
    expect(report.summary).toMatchObject({
      runId: "stopped",
      state: "finished",
      sourceComplete: true,
      counts: { read: rows, added: rows * 0.9, invalid: rows * 0.1 },
      rate: { limitPerSecond: null },
    });
    expect(audit({ record: await sandbox.record(), report, rowsRead: rows })).toEqual([]);
    // Every good row left once over both commands: nothing of the first part left again.
    expect(await arrivals(sandbox)).toBe(rows * 0.9);

    const other = await openScene("undisturbed", { env: await anyStore.env() });
    const elsewhere = await startTestSandbox(other);
    const undisturbed = await readReport(
      other.directory,
      await other.run(["import", file, "-g", "42", `--base-url=${elsewhere.url}`, ...QUICK]),
    );
    expect(withoutTimes(report.rows)).toEqual(withoutTimes(undisturbed.rows));
  },
  90_000,
);

test("the same import typed again carries its run on, and says so; --fresh starts another one", async () => {
  const env = await anyStore.env();
  const { scene, sandbox, file } = await stopped({ name: "again", env, rows: UNREAD_ROWS, share: 0.2 });
  const to = ["import", file, "--dataset-group=42", `--base-url=${sandbox.url}`, ...QUICK];
  const again = await scene.run(to);
  expect(again.stderr).toContain("carrying on run stopped");
  const report = await readReport(scene.directory, again);
  expect(report.summary).toMatchObject({ runId: "stopped", state: "finished", counts: { duplicate: 0 } });
  expect(audit({ record: await sandbox.record(), report, rowsRead: UNREAD_ROWS })).toEqual([]);

  // What is over is not carried on: the next one is a run of its own.
  const { summary } = await readReport(scene.directory, await scene.run(to));
  expect(summary).toMatchObject({ state: "finished", counts: { duplicate: UNREAD_ROWS * 0.9 } });
  expect(summary.runId).not.toBe("stopped");
}, 90_000);

test("--fresh leaves the earlier run as it is, and sends nothing that it had added", async () => {
  const env = await anyStore.env();
  const { scene, sandbox, file, sent } = await stopped({ name: "fresh", env, rows: ROWS, share: 0.6 });
  const to = ["import", file, "--dataset-group=42", `--base-url=${sandbox.url}`, ...QUICK];
  const { summary } = await readReport(scene.directory, await scene.run([...to, "--fresh"]));
  expect(summary.runId).not.toBe("stopped");
  expect(summary.counts).toMatchObject({ duplicate: sent, added: ROWS * 0.9 - sent });
  const status = await scene.run(["status", "stopped", "--json"]);
  expect(JSON.parse(status.stdout)).toMatchObject({ state: "interrupted" });
}, 90_000);

test("a file written anew under an import typed again begins a new run; one that is gone is said to be", async () => {
  const env = await anyStore.env();
  const { scene, sandbox, file } = await stopped({ name: "touched", env, rows: UNREAD_ROWS, share: 0.2 });
  await utimes(file, new Date(), new Date(Date.now() + 5_000));
  const to = ["import", file, "--dataset-group=42", `--base-url=${sandbox.url}`, ...QUICK];
  const ended = await scene.run(to);
  expect(ended.stderr).toContain("run stopped is left as it is");
  const { summary } = await readReport(scene.directory, ended);
  expect(summary).toMatchObject({ state: "finished", counts: { unknown: 0, unprocessed: 0 } });

  await rm(file);
  const gone = await scene.run(["resume", "stopped", `--base-url=${sandbox.url}`]);
  expect(gone.code).toBe(3);
  expect(gone.stderr).toContain(`${file} does not exist`);
  expect(gone.stderr).toContain("rows that were added are not sent again");
}, 90_000);

test("a source that changed is named, nothing is sent; --accept-changed-source goes on by the rows' IDs", async () => {
  const stop = { name: "changed", env: await anyStore.env(), rows: UNREAD_ROWS, share: 0.2 };
  const { scene, sandbox, file, content, sent } = await stopped(stop);
  // Ten rows at the front that were not there before: every row has another place now.
  const added = rowIds(10, 7);
  const [head, ...rows] = content.split("\n");
  await scene.write("rows.csv", [head, ...added.map((row) => `${row.join(",")},`), ...rows].join("\n"));
  const resume = ["resume", "stopped", `--base-url=${sandbox.url}`, ...QUICK];
  const refused = await scene.run(resume);
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain("bytes now");
  expect(refused.stderr).toContain("traceload resume stopped --accept-changed-source");
  expect(await arrivals(sandbox)).toBe(sent);

  const ended = await scene.run([...resume, "--accept-changed-source"]);
  const report = await readReport(scene.directory, ended);
  expect(report.summary).toMatchObject({
    state: "finished",
    counts: {
      read: UNREAD_ROWS + 10,
      added: UNREAD_ROWS * 0.9 + 10,
      invalid: UNREAD_ROWS * 0.1,
    },
  });
  expect(report.summary.warnings.join()).toContain("the source had changed");
  expect(audit({ record: await sandbox.record(), report, rowsRead: UNREAD_ROWS + 10 })).toEqual([]);
  expect(file).toBe(path.join(scene.directory, "rows.csv"));
}, 90_000);

test("standard input is copied while it is read, so that the run can be carried on; the copy goes with the end", async () => {
  const scene = await openScene("stdin");
  const sandbox = await startTestSandbox(scene, ["--latency", "20ms"]);
  const to = ["import", "-", "-g", "42", "--run-id=piped", `--base-url=${sandbox.url}`, ...QUICK];
  const importing = scene.start([...to, "--high-water=40"], { stdin: csvOf(rowIds(ROWS)) });
  await importing.until(async () => (await sandbox.stats()).applied >= 60);
  await importing.kill("SIGKILL");
  const spool = path.join(scene.directory, ".traceload", "spool");
  expect(await readdir(spool)).toEqual(["piped.stdin"]);

  const ended = await scene.run([
    "resume",
    "piped",
    `--base-url=${sandbox.url}`,
    "--on-unknown=hold",
    ...QUICK,
  ]);
  const report = await readReport(scene.directory, ended);
  expect(audit({ record: await sandbox.record(), report, rowsRead: ROWS })).toEqual([]);
  expect(report.summary).toMatchObject({ state: "finished", sourceComplete: true });
  expect(new Set(report.rows.map(({ file }) => file))).toEqual(new Set(["'-"]));
  expect(await readdir(spool)).toEqual([]);
}, 90_000);

test("a run that is over, one that is not there, and one of another API cannot be carried on", async () => {
  const scene = await openScene("refused", { env: await anyStore.env() });
  const file = await scene.write("rows.csv", csvOf(rowIds(5)));
  await scene.run(["import", file, "-g", "42", "--sandbox", "--run-id=done", "-q"]);
  const over = await scene.run(["resume", "done", "--sandbox"]);
  expect({ code: over.code, said: over.stderr.includes("is finished") }).toEqual({ code: 3, said: true });
  const none = await scene.run(["resume", "--sandbox"]);
  expect({ code: none.code, said: none.stderr.includes("left to be carried on") }).toEqual({
    code: 3,
    said: true,
  });
  const absent = await scene.run(["resume", "nobody", "--sandbox"]);
  expect({ code: absent.code, said: absent.stderr.includes('"nobody"') }).toEqual({ code: 3, said: true });
  const cancelled = await scene.run(["cancel", "done"]);
  expect({ code: cancelled.code, said: cancelled.stderr.includes("is finished") }).toEqual({
    code: 3,
    said: true,
  });
}, 90_000);
