/** `traceload sandbox` itself: what it prints, and that an import finds it. */
import { expect, test } from "vitest";
import { csvOf, rowIds } from "../support/row-files.ts";
import { openScene } from "../support/scene.ts";

test("the sandbox says where it is, takes its flags, and says at its end how many rows it holds", async () => {
  const scene = await openScene("sandbox-command");
  const sandbox = scene.start([
    "sandbox",
    "--rows=opaque",
    "--fault",
    "400@1",
    "--fault=429@2",
    "--record=r.ndjson",
  ]);
  await sandbox.until(() => sandbox.stdout().includes("\n"));
  const url = sandbox.stdout().trim();
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const file = await scene.write("rows.csv", csvOf(rowIds(5)));
  const imported = await scene.run([
    "import",
    file,
    "-g",
    "42",
    `--base-url=${url}`,
    "--json",
    "--rate=unlimited",
  ]);
  expect(JSON.parse(imported.stdout)).toMatchObject({ counts: { added: 4, rejected: 1 } });
  await sandbox.kill("SIGTERM");
  const ended = await sandbox.ended;
  expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining("4 rows in the record") });
}, 60_000);
