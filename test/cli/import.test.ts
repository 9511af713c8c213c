/** The main job from outside: the README's first command and its report, and what later imports make of them. */
import { access } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REPORT_COLUMNS } from "../../src/report/columns.ts";
import { openAnyStore } from "../support/any-store.ts";
import { audit } from "../support/audit.ts";
import { readReport, type ReportFiles } from "../support/report-files.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { readRecord, startTestSandbox } from "../support/sandbox.ts";
import { openLongScene, openScene, type Scene } from "../support/scene.ts";
import type { Ended } from "../support/traceload.ts";
import { makeSteps } from "../support/steps.ts";

const anyStore = await openAnyStore();
const EXAMPLE = fileURLToPath(new URL("../../examples/traces.csv", import.meta.url));
const SUMMARY_FIELDS = [
  "parent",
  "runId",
  "state",
  "exitCode",
  "counts",
  "sourceComplete",
  "drafts",
  "errors",
  "warnings",
  "rate",
  "startedAt",
  "finishedAt",
  "durationMs",
  "reportDir",
  "next",
];

describe("the README's first command", () => {
  let scene: Scene;
  let ended: Ended;
  let report: ReportFiles;
  const { step, failed } = makeSteps(60_000);
  const record = () => readRecord(path.join(scene.directory, ".traceload", "sandbox-record.ndjson"));
  beforeAll(async () => {
    scene = await openLongScene("readme");
    ended = await scene.run(["import", EXAMPLE, "-g", "42", "--sandbox", "--json"], {
      env: { PROMPTLAYER_API_KEY: undefined },
    });
    report = await readReport(scene.directory, ended);
  }, 60_000);
  afterAll(() => scene.close({ failed: failed() }));

  step("adds each row that can be added once, without a key, and reports on all", async () => {
    expect(ended.code).toBe(1);
    expect(audit({ record: await record(), report, rowsRead: 1000 })).toEqual([]);
    expect(report.summary).toMatchObject({
      state: "finished",
      exitCode: 1,
      sourceComplete: true,
      counts: { read: 1000, added: 986, duplicate: 2, invalid: 12, rejected: 0, failed: 0, unknown: 0 },
      drafts: [{ datasetGroupId: 42, rows: 986, verdict: "verified" }],
      reportDir: `traceload-reports/${report.summary.runId}`,
    });
  });

  step("prints with --json exactly the documented fields, and writes them to summary.json", async () => {
    const printed = JSON.parse(ended.stdout) as Record<string, unknown>;
    expect(Object.keys(printed).sort()).toEqual([...SUMMARY_FIELDS].sort());
    const written = (await import(path.join(report.directory, "summary.json"), {
      with: { type: "json" },
    })) as {
      default: unknown;
    };
    expect(written.default).toEqual(printed);
    expect(Object.keys(report.rows[0] ?? {})).toEqual([...REPORT_COLUMNS]);
  });

  step("makes every row a duplicate when it is typed again, and sends none", async () => {
    const before = (await record()).length;
    const again = await scene.run(["import", EXAMPLE, "-g", "42", "--sandbox", "--json"]);
    const second = await readReport(scene.directory, again);
    expect(audit({ record: await record(), report: second, rowsRead: 1000 })).toEqual([]);
    expect(second.summary.counts).toMatchObject({ added: 0, duplicate: 988, invalid: 12 });
    expect((await record()).length).toBe(before);
  });

  step("leaves a failed.csv whose rows, imported as they are, are invalid for the same reasons", async () => {
    const file = path.join(report.directory, "failed.csv");
    const third = await readReport(scene.directory, await scene.run(["import", file, "--sandbox", "--json"]));
    const reasons = ({ rows }: ReportFiles) =>
      rows.filter(({ status }) => status === "invalid").map((row) => row.error_code);
    expect(third.summary.counts).toMatchObject({ read: 12, invalid: 12 });
    // A record of too few columns is a whole one in the report; what it lacked is still missing.
    expect(reasons(third).filter((code) => code !== "column_count").length).toBeGreaterThanOrEqual(10);
  });
});

test("failed.csv of refused rows is imported as it is, without naming the group again", async () => {
  const scene = await openScene("failed-csv", { env: await anyStore.env() });
  const sandbox = await startTestSandbox(scene, ["--fault", "400@3", "--fault", "404@5", "--fault", "422@7"]);
  const file = await scene.write("rows.csv", csvOf(rowIds(12)));
  const to = ["--base-url", sandbox.url, "--rate", "unlimited", "--json"];
  const first = await scene.run(["import", file, "-g", "42", ...to]);
  expect(first.code).toBe(1);
  const report = await readReport(scene.directory, first);
  expect(report.summary.counts).toMatchObject({ added: 9, rejected: 3 });
  expect(audit({ record: await sandbox.record(), report, rowsRead: 12 })).toEqual([]);
  await expect(access(path.join(report.directory, "unknown.csv"))).rejects.toThrow("ENOENT");

  const second = await scene.run(["import", path.join(report.directory, "failed.csv"), ...to]);
  expect(second.code).toBe(0);
  const rest = await readReport(scene.directory, second);
  expect(rest.summary.counts).toMatchObject({ read: 3, added: 3 });
  expect((await sandbox.record()).length).toBe(12);
}, 60_000);
