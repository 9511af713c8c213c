/** Runs that stop because too much goes wrong: exit 2, what was not sent is unprocessed, and resume is what comes next. */
import { expect, test } from "vitest";
import { audit } from "../support/audit.ts";
import { findRedis } from "../support/redis-server.ts";
import { openStage } from "../fault/stage.ts";

/** What breaks is the same on each store. */
const redis = await findRedis("breakers", { restartable: true, optional: true });
const REFUSED = "400";

test("--max-errors 3 stops the run at the fourth bad row: exit 2", async () => {
  const rows = 100;
  const stage = await openStage({
    name: "max-errors",
    rows,
    sandbox: ["--latency", "20ms", "--fault", "404@6..1000000"],
    importFlags: ["--max-errors=3", "--rate=50/s"],
  });
  const ended = await stage.startImport().ended;
  expect(ended.code).toBe(2);
  const report = await stage.report(ended);
  expect(audit({ record: await stage.sandbox.record(), report, rowsRead: rows })).toEqual([]);
  expect(report.summary).toMatchObject({ state: "stopped", exitCode: 2, counts: { added: 5 } });
  expect(report.summary.counts.rejected).toBeGreaterThanOrEqual(4);
  expect(report.summary.counts.unprocessed).toBeGreaterThan(0);
  expect(report.summary.errors[0]).toMatchObject({ code: "too_many_errors" });
  expect(report.summary.next.join("\n")).toContain("traceload resume");
}, 60_000);

test("--max-errors 30% looks at no run before it has 100 rows", async () => {
  const rows = 300;
  const stage = await openStage({
    name: "max-errors-share",
    rows,
    redis,
    sandbox: ["--latency", "20ms", "--fault", "404@1..20", "--fault", "404@150..1000000"],
    importFlags: ["--max-errors=30%", "--rate=100/s"],
  });
  const ended = await stage.startImport().ended;
  expect(ended.code).toBe(2);
  const { summary } = await stage.report(ended);
  expect(summary).toMatchObject({ state: "stopped", errors: [{ code: "too_many_errors" }, {}] });
  expect(summary.counts.added).toBeGreaterThanOrEqual(100);
  expect(summary.counts.unprocessed).toBeGreaterThan(0);
}, 60_000);

test("a group whose first rows all meet the same 400 is stopped, the others go on: exit 2", async () => {
  const stage = await openStage({
    name: "group-halted",
    rows: 1,
    redis,
    sandbox: ["--latency", "20ms", ...faultsFor("bad", 100)],
  });
  const lines = Array.from({ length: 100 }, (_, index) => [`41,bad-${index}`, `43,good-${index}`]).flat();
  const file = await stage.scene.write("groups.csv", `dataset_group_id,trace_id\n${lines.join("\n")}\n`);
  const ended = await stage.scene.start([
    "import",
    file,
    "--json",
    "--rate=100/s",
    `--base-url=${stage.sandbox.url}`,
    `--store=${stage.storeUrl}`,
    "--concurrency=4",
  ]).ended;
  expect(ended.code).toBe(2);
  const { summary } = await stage.report(ended);
  expect(summary).toMatchObject({
    state: "stopped",
    exitCode: 2,
    counts: { read: 200, added: 100, failed: 0, unknown: 0 },
  });
  // Those under way when the fifth was refused.
  expect(summary.counts.rejected).toBeGreaterThanOrEqual(5);
  expect(summary.counts.rejected).toBeLessThanOrEqual(20);
  expect(summary.counts.unprocessed).toBe(100 - summary.counts.rejected);
  expect(summary.errors[0]).toMatchObject({ code: "group_halted", count: summary.counts.unprocessed });
  expect(summary.next[0]).toContain("traceload resume");
}, 60_000);

function faultsFor(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => ["--fault", `${REFUSED}@trace=${name}-${index}`]).flat();
}
