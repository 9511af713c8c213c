/** Rows that did not make it are tried again, and no others. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { beforeAll, expect, test } from "vitest";
import { openAnyStore } from "../support/any-store.ts";
import { readReport, type ReportFiles } from "../support/report-files.ts";
import { rowIds } from "../support/row-files.ts";
import { startTestSandbox, type TestSandbox } from "../support/sandbox.ts";
import { openScene, type Scene } from "../support/scene.ts";

const anyStore = await openAnyStore();
const ROWS = 320;
const REJECTED = 300;
const AVAILABLE = 200;
const QUICK = ["--rate=unlimited", "--json"];

/** Traces that the server does not know begin with `late-`. */
const traces = rowIds(ROWS).map(([trace], index) => (index < REJECTED ? `late-${trace}` : trace));

interface Rejected {
  scene: Scene;
  sandbox: TestSandbox;
  first: ReportFiles;
  to: string[];
}

/** Most rows were rejected, and two thirds of these are there now. */
async function rejected(name: string, env: Readonly<Record<string, string>>): Promise<Rejected> {
  const scene = await openScene(name, { env });
  const sandbox = await startTestSandbox(scene, ["--missing", "late-"]);
  const file = await scene.write("rows.csv", `trace_id\n${traces.join("\n")}\n`);
  const to = [`--base-url=${sandbox.url}`, ...QUICK];
  const ended = await scene.run(["import", file, "-g", "42", "--run-id=first", ...to]);
  expect(ended.code).toBe(1);
  const first = await readReport(scene.directory, ended);
  expect(first.summary.counts).toMatchObject({ read: ROWS, added: ROWS - REJECTED, rejected: REJECTED });
  expect(first.summary.next).toEqual([`traceload rerun first --base-url ${sandbox.url}`]);
  const response = await fetch(`${sandbox.url}/_sandbox/traces`, {
    method: "POST",
    body: JSON.stringify({ available: traces.slice(0, AVAILABLE) }),
  });
  expect(response.ok).toBe(true);
  return { scene, sandbox, first, to };
}

beforeAll(() => {
  expect(new Set(traces).size).toBe(ROWS);
});

test("rerun adds the rows that the server knows now, and sends nothing else; what was added is not offered again", async () => {
  const { scene, sandbox, first, to } = await rejected("rerun", await anyStore.env());
  const before = (await sandbox.stats()).addTraceArrivals;
  const planned = await scene.run(["rerun", "first", "--dry-run", ...QUICK]);
  expect(planned.code).toBe(0);
  expect(JSON.parse(planned.stdout)).toMatchObject({ parent: "first", rows: REJECTED });
  expect((await sandbox.stats()).addTraceArrivals).toBe(before);

  const ended = await scene.run(["rerun", "first", "--run-id=second", ...to]);
  expect(ended.code).toBe(1);
  const { summary, rows } = await readReport(scene.directory, ended);
  expect(summary).toMatchObject({
    runId: "second",
    parent: "first",
    counts: { read: REJECTED, added: AVAILABLE, rejected: REJECTED - AVAILABLE },
  });
  expect((await sandbox.stats()).addTraceArrivals).toBe(before + REJECTED);
  // Rows are named as in the parent: file, line and number.
  const places = ({ row, file, line, trace_id }: (typeof rows)[number]) => ({ row, file, line, trace_id });
  expect(rows.map(places)).toEqual(first.rows.filter(({ status }) => status === "rejected").map(places));

  const third = await scene.run(["rerun", "first", "--dry-run", ...QUICK]);
  expect(JSON.parse(third.stdout)).toMatchObject({ rows: REJECTED - AVAILABLE });
  const status = await scene.run(["status", "second"]);
  expect(status.stdout).toContain("first");
  const report = await scene.run(["report", "second"]);
  expect(report.stdout).toContain(
    `Of ${REJECTED} rows of run first: ${AVAILABLE} added, ${REJECTED - AVAILABLE} rejected.`,
  );
}, 60_000);

test("failed.csv fed to import does the same", async () => {
  const { scene, sandbox, first, to } = await rejected("failed-csv", await anyStore.env());
  const before = (await sandbox.stats()).addTraceArrivals;
  const failed = path.join(first.directory, "failed.csv");
  const { summary } = await readReport(scene.directory, await scene.run(["import", failed, ...to]));
  expect(summary.counts).toMatchObject({ read: REJECTED, added: AVAILABLE, rejected: REJECTED - AVAILABLE });
  expect((await sandbox.stats()).addTraceArrivals).toBe(before + REJECTED);
}, 60_000);

test("failed.csv named to rerun selects the rows of its run; of a run elsewhere, import is the way", async () => {
  const { scene, first, to } = await rejected("report-file", {});
  const failed = await readFile(path.join(first.directory, "failed.csv"), "utf8");
  const some = failed.split(/\r?\n/).slice(0, 11);
  const part = await scene.write("some.csv", `${some.join("\n")}\n`);
  const { summary } = await readReport(scene.directory, await scene.run(["rerun", part, ...to]));
  expect(summary).toMatchObject({ parent: "first", counts: { read: 10, added: 10 } });

  const elsewhere = await scene.run(["rerun", part, ...to, "--store=pglite:other"]);
  expect(elsewhere.code).toBe(3);
  expect(elsewhere.stderr).toContain(`next: traceload import ${part}`);
  const noReport = await scene.run(["rerun", path.join(scene.directory, "rows.csv"), ...to]);
  expect(noReport.code).toBe(3);
  expect(noReport.stderr).toContain("is not the report of a run");
}, 60_000);

test("--only, --code, --match and --limit narrow it down; what is left of nothing is said", async () => {
  const { scene, to } = await rejected("narrowed", await anyStore.env());
  const count = async (...flags: string[]) => {
    const ended = await scene.run(["rerun", "latest", "--dry-run", "--json", ...flags]);
    return ended.code === 0 ? (JSON.parse(ended.stdout) as { rows: number }).rows : ended.stderr;
  };
  expect(await count("--limit=7")).toBe(7);
  expect(await count("--code=trace_not_found")).toBe(REJECTED);
  expect(await count("--match=NOT FOUND")).toBe(REJECTED);
  expect(await count("--code=other")).toContain("no row of run first is left");
  expect(await count("--only=failed")).toContain("no row of run first is left");
  expect(await count("--only=invalid")).toContain("must be one of rejected, failed");
  const table = await scene.run(["rerun", "latest", "--dry-run", "--limit=2"]);
  expect(table.stdout).toContain("2 rows of run first would be tried again");
  expect(table.stdout).toContain(traces[1] ?? "");
  const { summary } = await readReport(
    scene.directory,
    await scene.run(["rerun", "latest", "--limit=5", ...to]),
  );
  expect(summary.counts).toMatchObject({ read: 5, added: 5 });
}, 60_000);

test("unknown rows are sent again only when asked for, with the warning that they may be there twice", async () => {
  const scene = await openScene("rerun-unknown", { env: await anyStore.env() });
  const sandbox = await startTestSandbox(scene, ["--fault", "500@1..3", "--fault", "500-after-apply@4"]);
  const file = await scene.write("rows.csv", `trace_id\n${traces.slice(-10).join("\n")}\n`);
  const brief = ["--timeout=1s", "--send-window=1s", "--horizon=0s"];
  const to = [`--base-url=${sandbox.url}`, "--on-unknown=hold", ...brief, ...QUICK];
  const first = await scene.run(["import", file, "-g", "42", "--run-id=first", ...to]);
  expect(first.code).toBe(6);
  const refused = await scene.run(["rerun", "first", ...to]);
  expect(refused.stderr).toContain("no row of run first is left");
  const ended = await scene.run(["rerun", "first", "--only=unknown", ...to]);
  const { summary } = await readReport(scene.directory, ended);
  expect(ended.stderr).toMatch(/waiting [12] s, until no earlier request/);
  expect(summary.counts).toMatchObject({ read: 4, added: 4 });
  expect(summary.warnings.join()).toContain("in the draft twice");
  const record = await sandbox.record();
  expect(record).toHaveLength(11);
  const after = await readReport(scene.directory, await scene.run(["report", "first", "--json"]));
  expect(after.summary.counts).toMatchObject({ added: 6, unknown: 0 });
}, 60_000);
