/** Where colour and progress go: a terminal, a pipe, NO_COLOR. */
import { fileURLToPath } from "node:url";
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { openAnyStore } from "../support/any-store.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { openScene, type Scene } from "../support/scene.ts";

const anyStore = await openAnyStore();
const LAUNCHER = fileURLToPath(new URL("../../src/cli/launcher.cjs", import.meta.url));
const ESCAPE = "\u001B";

test("into a pipe: the summary on standard output, plain lines on standard error, no colour anywhere", async () => {
  const scene = await openScene("pipe");
  const file = await scene.write("rows.csv", csvOf(rowIds(10)));
  const ended = await scene.run(["import", file, "-g", "42", "--sandbox"], {
    env: { TERM: "xterm-256color" },
  });
  expect(ended.code).toBe(0);
  expect(ended.stdout).toContain("10 rows");
  expect(ended.stderr).toContain("store: pglite:");
  expect(`${ended.stdout}${ended.stderr}`).not.toContain(ESCAPE);
}, 60_000);

test("-q leaves standard error empty", async () => {
  const scene = await openScene("quiet", { env: await anyStore.env() });
  const file = await scene.write("rows.csv", csvOf(rowIds(3)));
  const ended = await scene.run(["import", file, "-g", "42", "--sandbox", "-q", "--json"]);
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: "" });
  expect(() => JSON.parse(ended.stdout) as unknown).not.toThrow();
}, 60_000);

const hasScript = spawnSync("script", ["--version"]).status === 0;

test.skipIf(!hasScript)(
  "on a terminal there is colour, and none with NO_COLOR or --no-color",
  async () => {
    const scene = await openScene("terminal");
    const plain = onTerminal(scene, "", {});
    expect(plain).toContain("does not exist");
    expect(plain).toContain(ESCAPE);
    expect(onTerminal(scene, "", { NO_COLOR: "1" })).not.toContain(ESCAPE);
    expect(onTerminal(scene, "--no-color", {})).not.toContain(ESCAPE);
  },
  60_000,
);

/** What a person would see: `script` gives the command a terminal of its own. */
function onTerminal(scene: Scene, flags: string, env: Record<string, string>): string {
  const command = `node '${LAUNCHER}' import absent.csv --sandbox ${flags}`;
  const { stdout } = spawnSync("script", ["-qec", command, "/dev/null"], {
    cwd: scene.directory,
    env: { PATH: process.env["PATH"] ?? "", HOME: scene.directory, TERM: "xterm-256color", ...env },
    encoding: "utf8",
  });
  return stdout;
}
