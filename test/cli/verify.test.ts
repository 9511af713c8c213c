/** Unknown rows settled by asking the server, at the end of a run and on demand; and drafts that change meanwhile. */
import { describe, expect, test } from "vitest";
import { openAnyStore } from "../support/any-store.ts";
import { audit } from "../support/audit.ts";
import { findRedis } from "../support/redis-server.ts";
import { readReport } from "../support/report-files.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { startTestSandbox, type TestSandbox } from "../support/sandbox.ts";
import { openScene, type Scene } from "../support/scene.ts";
import { TEST_KEY } from "../support/traceload.ts";

/** The environment of commands on the embedded store. */
const EMBEDDED = {};
const ROWS = 120;
/** Five that land without a word, and five that do not. */
const FAULTS = ["--fault=503-after-apply@10..14", "--fault=close-before-apply@30..34"];
const TIMES = ["--timeout=1s", "--send-window=500ms", "--horizon=1s", "--retry-base=50ms"];
const redis = await findRedis("verifying", { restartable: true });
const anyStore = await openAnyStore();

interface Stage {
  scene: Scene;
  sandbox: TestSandbox;
  file: string;
  run: (command: string, ...flags: string[]) => ReturnType<Scene["run"]>;
  start: (command: string, ...flags: string[]) => ReturnType<Scene["start"]>;
}

async function stage(
  name: string,
  sandboxFlags: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Stage> {
  const scene = await openScene(name, { env });
  const sandbox = await startTestSandbox(scene, sandboxFlags);
  const file = await scene.write("rows.csv", csvOf(rowIds(ROWS)));
  const to = [`--base-url=${sandbox.url}`, "--json"];
  const args = (command: string, flags: string[]) =>
    command === "import"
      ? [
          "import",
          file,
          "-g",
          "42",
          "--run-id=r1",
          "--rate=unlimited",
          "--concurrency=8",
          ...TIMES,
          ...to,
          ...flags,
        ]
      : [command, ...to, ...flags];
  return {
    scene,
    sandbox,
    file,
    run: (command, ...flags) => scene.run(args(command, flags)),
    start: (command, ...flags) => scene.start(args(command, flags)),
  };
}

test("a run asks about its unknown rows before it ends: none is left, and each row is there once", async () => {
  const { scene, sandbox, run } = await stage("verify", FAULTS, EMBEDDED);
  const ended = await run("import");
  expect(ended.code).toBe(0);
  const report = await readReport(scene.directory, ended);
  expect(report.summary.counts).toMatchObject({ added: ROWS, unknown: 0 });
  expect(report.summary.drafts).toMatchObject([
    {
      rows: ROWS,
      verdict: "verified",
      figures: { baseline: 0, added: ROWS, unknown: 0, total: ROWS, landed: 5, absent: 5 },
    },
  ]);
  const record = await sandbox.record();
  expect(record).toHaveLength(ROWS);
  expect(audit({ record, report, rowsRead: ROWS })).toEqual([]);
  // Only those that were not there left a second time.
  expect((await sandbox.stats()).addTraceArrivals).toBe(ROWS + 5);
}, 60_000);

test("where rows do not show their IDs, what cannot be told apart is held, with the reason", async () => {
  const { scene, sandbox, run } = await stage(
    "verify-opaque",
    [...FAULTS, "--rows=opaque"],
    await anyStore.env(),
  );
  const ended = await run("import");
  expect(ended.code).toBe(6);
  const report = await readReport(scene.directory, ended);
  expect(report.summary.counts).toMatchObject({ added: ROWS - 10, unknown: 10 });
  expect(report.summary.drafts).toMatchObject([
    { verdict: "inconclusive", reason: expect.stringContaining("5 of 10 rows in doubt are there") },
  ]);
  expect(report.summary.next[0]).toContain("traceload verify r1");
  expect(audit({ record: await sandbox.record(), report, rowsRead: ROWS })).toEqual([]);
}, 60_000);

test("with another writer the summary says so, and nothing is there twice", async () => {
  const { scene, sandbox, start } = await stage(
    "verify-other-writer",
    [...FAULTS, "--latency=20ms"],
    await anyStore.env(),
  );
  const importing = start("import");
  // Past the faults, which would meet the stranger's rows as well.
  await importing.until(async () => (await sandbox.arrivals()).length > 34);
  for (const stranger of ["one", "two", "three"]) await addRow(sandbox, `of somebody ${stranger}`);
  const ended = await importing.ended;
  const report = await readReport(scene.directory, ended);
  expect(report.summary.drafts).toMatchObject([
    { verdict: "other-writer", figures: { baseline: 0, added: ROWS, total: ROWS + 3 } },
  ]);
  expect(report.summary.warnings.join("\n")).toContain("3 rows more than traceload added");
  expect(report.summary.counts).toMatchObject({ added: ROWS, unknown: 0 });
  expect(audit({ record: await sandbox.record(), report, rowsRead: ROWS })).toEqual([]);
}, 60_000);

test("waiting can be left with Ctrl-C; verify goes on with it, and resume sends what is not there", async () => {
  const { scene, sandbox, start, run } = await stage("verify-left", FAULTS, await anyStore.env());
  const importing = start("import", "--horizon=5s", "--progress=json");
  await importing.until(() => importing.stderr().includes('"kind":"verdict"'));
  await importing.kill("SIGINT");
  const left = await importing.ended;
  expect(left.code).toBe(130);
  expect(JSON.parse(left.stdout)).toMatchObject({
    state: "interrupted",
    counts: { added: ROWS - 5, unknown: 5 },
    next: expect.arrayContaining([
      expect.stringContaining("traceload verify r1"),
      expect.stringContaining("traceload resume r1"),
    ]),
  });

  const verified = await run("verify");
  expect(verified.code).toBe(4);
  const summary = (await readReport(scene.directory, verified)).summary;
  expect(summary).toMatchObject({ counts: { added: ROWS - 5, unknown: 0, unprocessed: 5 }, exitCode: 4 });
  expect(summary.next[0]).toContain("traceload resume r1");

  const resumed = await run("resume", "r1");
  expect(resumed.code).toBe(0);
  const report = await readReport(scene.directory, resumed);
  expect(audit({ record: await sandbox.record(), report, rowsRead: ROWS })).toEqual([]);
  expect(report.summary.counts).toMatchObject({ added: ROWS });
}, 90_000);

test("verify settles what a run held; if rows are to be sent, the run can be resumed though it was finished", async () => {
  const { scene, sandbox, run } = await stage("verify-held", FAULTS, EMBEDDED);
  const held = await run("import", "--on-unknown=hold");
  expect(held.code).toBe(6);
  const before = (await readReport(scene.directory, held)).summary;
  expect(before.drafts).toMatchObject([
    { verdict: "not-checked", figures: { added: ROWS - 10, unknown: 10, total: ROWS - 5 } },
  ]);
  expect((await run("verify")).code).toBe(4);
  const status = await run("status", "r1");
  expect(JSON.parse(status.stdout)).toMatchObject({
    state: "interrupted",
    counts: { unknown: 0, unprocessed: 5 },
  });
  expect((await run("resume")).code).toBe(0);
  const record = await sandbox.record();
  expect(record).toHaveLength(ROWS);
  expect(new Set(record.map(({ traceId }) => traceId)).size).toBe(ROWS);
}, 90_000);

test("retry sends unknown rows once more, and says that some are there twice", async () => {
  const { scene, sandbox, run } = await stage("verify-retry", FAULTS, await anyStore.env());
  const ended = await run("import", "--on-unknown=retry");
  const report = await readReport(scene.directory, ended);
  expect(report.summary.counts).toMatchObject({ added: ROWS, unknown: 0 });
  expect(report.summary.drafts).toMatchObject([{ verdict: "not-checked" }]);
  expect(report.summary.warnings.join("\n")).toContain("--on-unknown retry");
  expect(await sandbox.record()).toHaveLength(ROWS + 5);
}, 60_000);

describe("a draft that is published in the middle", () => {
  test.each([
    ["continue", 0, "finished"],
    ["pause", 4, "paused"],
    ["stop", 2, "stopped"],
  ])(
    "--on-draft-change %s: exit code %i, %s; rows say which draft they are in",
    async (choice, code, state) => {
      const { scene, sandbox, start } = await stage(
        `draft-${choice}`,
        ["--latency=20ms"],
        await anyStore.env(),
      );
      const importing = start("import", `--on-draft-change=${choice}`);
      await importing.until(async () => (await sandbox.stats()).applied >= 20);
      const published = await fetch(`${sandbox.url}/_sandbox/publish`, {
        method: "POST",
        body: JSON.stringify({ dataset_group_id: 42 }),
      });
      expect(published.status).toBe(200);
      const ended = await importing.ended;
      expect(ended.code).toBe(code);
      const report = await readReport(scene.directory, ended);
      expect(report.summary.state).toBe(state);
      expect(report.summary.warnings.join("\n")).toMatch(/draft \d+ was published or removed meanwhile/);
      const drafts = new Set(
        report.rows.filter(({ status }) => status === "added").map((row) => row.draft_dataset_id),
      );
      expect(drafts.size).toBe(2);
      expect(report.summary.drafts.map(({ draftDatasetId }) => String(draftDatasetId))).toEqual([...drafts]);
      expect(audit({ record: await sandbox.record(), report, rowsRead: ROWS })).toEqual([]);
    },
  );
});

test.skipIf(redis === undefined)(
  "a detached run is verified by the workers",
  async () => {
    const server = await redis!.start();
    const { scene, sandbox, run, start } = await stage("verify-workers", FAULTS, {
      TRACELOAD_STORE: server.url,
    });
    scene.atEnd(() => server.stop());
    const workers = [start("worker", "--concurrency=8"), start("worker", "--concurrency=8")];
    for (const worker of workers) await worker.until(() => worker.stderr().includes("serving runs"));
    expect((await run("import", "--detach")).code).toBe(4);
    await workers[0]!.until(async () => {
      const over = workers.some((worker) => worker.stderr().includes("run r1: finished"));
      return over && (await run("status", "r1")).stdout.includes('"state":"finished"');
    });
    const told = await run("report", "r1");
    const report = await readReport(scene.directory, told);
    expect(report.summary.counts).toMatchObject({ added: ROWS, unknown: 0 });
    expect(report.summary.drafts).toMatchObject([{ verdict: "verified", figures: { landed: 5, absent: 5 } }]);
    expect(audit({ record: await sandbox.record(), report, rowsRead: ROWS })).toEqual([]);
    for (const worker of workers) await worker.kill("SIGTERM");
    for (const worker of workers) expect((await worker.ended).code).toBe(0);
  },
  120_000,
);

async function addRow(sandbox: TestSandbox, traceId: string): Promise<void> {
  const answer = await fetch(`${sandbox.url}/api/public/v2/dataset-versions/add-trace`, {
    method: "POST",
    headers: { "x-api-key": TEST_KEY, "content-type": "application/json" },
    body: JSON.stringify({ dataset_group_id: 42, trace_id: traceId }),
  });
  if (answer.status !== 201) throw new Error(`the sandbox took no row: ${answer.status}`);
}
