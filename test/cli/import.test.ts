/** The main job from outside: the README's first command, its report, and what a second import makes of it. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { audit } from "../support/audit.ts";
import { readReport } from "../support/report-files.ts";
import { readRecord } from "../support/sandbox-process.ts";
import { openScene } from "../support/scene.ts";

const EXAMPLE = fileURLToPath(new URL("../../examples/traces.csv", import.meta.url));

test("the README's first command adds every row that can be added, and says which could not", async () => {
  const scene = await openScene("readme");
  const record = `${scene.directory}/.traceload/sandbox-record.ndjson`;
  const ended = await scene.run(["import", EXAMPLE, "-g", "42", "--sandbox", "--json"]);
  expect(ended.code).toBe(1);
  const report = await readReport(scene.directory, ended);
  expect(audit({ record: await readRecord(record), report, rowsRead: 1000 })).toEqual([]);
  expect(report.summary).toMatchObject({
    state: "finished",
    exitCode: 1,
    sourceComplete: true,
    counts: { read: 1000, added: 986, duplicate: 2, invalid: 12, rejected: 0, failed: 0, unknown: 0 },
    drafts: [{ datasetGroupId: 42, rows: 986 }],
  });
});
