/** `status` and `report`, beside a running import and after it. */
import path from "node:path";
import { expect, test } from "vitest";
import type { Run } from "../../src/core/store.ts";
import { openAnyStore } from "../support/any-store.ts";
import { readReport } from "../support/report-files.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { startTestSandbox } from "../support/sandbox.ts";
import { openScene } from "../support/scene.ts";

const anyStore = await openAnyStore();

test("while an import owns the embedded store, status shows its run; a second import names the owner", async () => {
  const scene = await openScene("owned");
  const sandbox = await startTestSandbox(scene);
  const file = await scene.write("rows.csv", csvOf(rowIds(100)));
  const to = ["-g", "42", "--base-url", sandbox.url, "--rate", "5/s", "--json"];
  const importing = scene.start(["import", file, ...to, "--run-id", "long"]);
  await importing.until(async () => (await sandbox.stats()).applied >= 3);

  const refused = await scene.run(["import", file, ...to]);
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain(String(importing.pid));
  expect(refused.stderr).toContain("next: ");

  let shown: Run | undefined;
  await importing.until(async () => {
    const status = await scene.run(["status", "long", "--json"]);
    if (status.code !== 0) return false;
    shown = JSON.parse(status.stdout) as Run;
    return shown.counts.added > 0;
  });
  expect(shown).toMatchObject({ runId: "long", ownerAlive: true });

  // The dead owner's store is free again, and its run interrupted.
  await importing.kill("SIGKILL");
  const after = await scene.run(["status", "latest", "--json"]);
  expect(after.code).toBe(0);
  expect(JSON.parse(after.stdout)).toMatchObject({ runId: "long", state: "interrupted" });
}, 90_000);

test("report writes a run's report again, to any directory; an unknown run is exit 3", async () => {
  const scene = await openScene("report", { env: await anyStore.env() });
  const file = await scene.write("rows.csv", csvOf(rowIds(10)));
  const first = await scene.run(["import", file, "-g", "42", "--sandbox", "--json"]);
  const { summary, rows } = await readReport(scene.directory, first);
  const elsewhere = path.join(scene.directory, "elsewhere");
  const again = await scene.run(["report", summary.runId, "--report-dir", elsewhere, "--json"]);
  expect(again.code).toBe(0);
  const second = await readReport(scene.directory, again);
  expect(second.directory).toBe(path.join(elsewhere, summary.runId));
  expect(second.rows).toEqual(rows);
  const unknown = await scene.run(["report", "no-such-run"]);
  expect({ code: unknown.code, stdout: unknown.stdout }).toEqual({ code: 3, stdout: "" });
  expect(unknown.stderr).toContain("no-such-run");
}, 90_000);
