/** A row is applied and the answer never comes, in each way in which that happens. */
import path from "node:path";
import { expect, test } from "vitest";
import { audit } from "../support/audit.ts";
import { readReportFile } from "../support/report-files.ts";
import { eventually } from "../support/sandbox-caller.ts";
import { openStage } from "./stage.ts";

/** Every one of these is the server's to have applied, or not: nobody on this side can know. */
const APPLIED = [
  "close-after-apply",
  "reset-after-apply",
  "half-body",
  "503-after-apply",
  "500-after-apply",
  "html-after-apply",
  "success-false-after-apply",
  "hang-after-apply",
  "apply-late:1500",
];
const NOT_APPLIED = ["close-before-apply", "reset-before-apply", "502", "504", "hang"];

test("a lost answer leaves its row unknown: not sent again, and held by the next import of the file", async () => {
  const rows = 60;
  const faults = [...APPLIED, ...NOT_APPLIED];
  const stage = await openStage({
    name: "answer-lost",
    rows,
    sandbox: faults.flatMap((fault, index) => ["--fault", `${fault}@${10 + index * 3}`]),
    importFlags: ["--timeout=1s", "--rate=100/s"],
  });
  const ended = await stage.startImport().ended;
  expect(ended.code).toBe(6);
  const report = await stage.report(ended);
  // A request that is applied after its caller has gone.
  await eventually(async () => (await stage.sandbox.stats()).pendingLate === 0);
  const record = await stage.sandbox.record();
  expect(audit({ record, report, rowsRead: rows })).toEqual([]);
  expect(report.summary.counts).toMatchObject({ added: rows - faults.length, unknown: faults.length });
  expect(record.length).toBe(rows - NOT_APPLIED.length);
  expect((await stage.sandbox.arrivals()).length).toBe(rows);
  const held = await readReportFile(path.join(report.directory, "unknown.csv"));
  expect(held).toEqual(report.rows.filter(({ status }) => status === "unknown"));

  const again = await stage.startImport().ended;
  expect(again.code).toBe(6);
  const second = await stage.report(again);
  expect(second.summary.counts).toMatchObject({
    duplicate: rows - faults.length,
    unknown: faults.length,
    added: 0,
  });
  expect((await stage.sandbox.arrivals()).length).toBe(rows);
}, 60_000);
