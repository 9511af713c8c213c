/** A place where no report can be written is found out before the first row is sent. */
import { expect, test } from "vitest";
import { csvOf, rowIds } from "../support/row-files.ts";
import { startTestSandbox } from "../support/sandbox.ts";
import { openScene } from "../support/scene.ts";

test.each([[[]], [["--dry-run"]]])(
  "an import %j ends with report_unwritable and sends nothing",
  async (flags) => {
    const scene = await openScene("no-report");
    const sandbox = await startTestSandbox(scene);
    const file = await scene.write("rows.csv", csvOf(rowIds(3)));
    const place = process.platform === "linux" ? "/proc/x" : `${file}/below`;
    const args = ["import", file, "-g", "42", "--base-url", sandbox.url, "--report-dir", place, ...flags];
    const ended = await scene.run(args);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 3, stdout: "" });
    expect(ended.stderr).toContain(`the report cannot be written: ${place}`);
    expect(ended.stderr).toContain("--report-dir");
    expect((await sandbox.stats()).applied).toBe(0);
  },
  30_000,
);
