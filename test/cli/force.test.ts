/** `import --force`: rows that were added before are sent once more, when a person says so, and never otherwise. */
import { expect, test } from "vitest";
import { readReport } from "../support/report-files.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { startTestSandbox } from "../support/sandbox.ts";
import { openScene } from "../support/scene.ts";

const ROWS = 20;
const IDS = rowIds(ROWS);

test("what was added is there twice after --force --yes; without --yes a pipe is refused, and a dry run plans it", async () => {
  const scene = await openScene("force");
  const sandbox = await startTestSandbox(scene);
  const file = await scene.write("rows.csv", csvOf(IDS));
  const to = ["-g", "42", "--base-url", sandbox.url, "--rate", "unlimited", "--json"];
  const importing = ["import", file, ...to];
  const first = await readReport(scene.directory, await scene.run(importing));
  expect(first.summary.counts).toMatchObject({ added: ROWS });
  const before = (await sandbox.stats()).requests;

  const refused = await scene.run([...importing, "--force"]);
  expect(refused).toMatchObject({ code: 64, stdout: "" });
  expect(refused.stderr).toContain("will be in the draft twice");
  expect(refused.stderr).toContain("--yes");
  const planned = await readReport(scene.directory, await scene.run([...importing, "--force", "--dry-run"]));
  expect(planned.summary.counts).toMatchObject({ read: ROWS, planned: ROWS, duplicate: 0 });
  expect((await sandbox.stats()).requests).toEqual(before);

  const named = ["--run-id", "again", "--force", "--yes"];
  const again = await readReport(scene.directory, await scene.run([...importing, ...named]));
  expect(again.summary).toMatchObject({ exitCode: 0, counts: { read: ROWS, added: ROWS, duplicate: 0 } });
  expect(again.summary.warnings.join("\n")).toContain(`${ROWS} of rows 1 to ${ROWS} had been added before`);
  expect(again.summary.drafts).toMatchObject([{ rows: ROWS, verdict: "not-checked" }]);
  expect(again.summary.drafts[0]?.reason).toContain(`${ROWS} rows were sent once more by choice`);
  const times = Map.groupBy(await sandbox.record(), ({ traceId, spanId }) => `${traceId} ${spanId ?? ""}`);
  expect([...times.values()].map((rows) => rows.length)).toEqual(IDS.map(() => 2));

  const [[trace, span] = ["", ""]] = IDS;
  const shown = await scene.run([
    "ledger",
    "get",
    trace,
    span,
    "-g",
    "42",
    "--base-url",
    sandbox.url,
    "--json",
  ]);
  expect(JSON.parse(shown.stdout)).toMatchObject({
    state: "added",
    run: { runId: "again" },
    notes: [{ decision: "absent", why: "import --force, run again" }],
  });
}, 90_000);
