/** Exit codes of commands that end before anything is opened; those of runs stand beside what causes them. */
import { access } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { openAnyStore } from "../support/any-store.ts";
import { openScene } from "../support/scene.ts";

const anyStore = await openAnyStore();

test.each([
  { what: "no command", args: [], says: "what shall be done" },
  { what: "an unknown command", args: ["improt", "rows.csv"], says: "import" },
  { what: "an unknown flag", args: ["import", "rows.csv", "--rat", "5/s"], says: "rat" },
  { what: "a value that is none", args: ["import", "rows.csv", "--rate", "fast"], says: "--rate" },
  { what: "an address that is none", args: ["doctor", "--base-url", ""], says: '--base-url: ""' },
  { what: "no file", args: ["import"], says: "traceload import --help" },
  {
    what: "a worker without syncs on the embedded store",
    args: ["worker", "--syncs", "off"],
    says: "--store redis://",
  },
  { what: "--detach on the embedded store", args: ["import", "rows.csv", "--detach"], says: "--detach" },
])(
  "$what is wrong usage: exit 64, and standard error says what to type",
  async ({ args, says }) => {
    const scene = await openScene("usage");
    const ended = await scene.run(args);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 64, stdout: "" });
    expect(ended.stderr).toContain(says);
    // What to type: as a step of its own, or in the message itself.
    expect(ended.stderr).toMatch(/next: |: write /);
  },
  30_000,
);

test("help and version go to standard output and exit 0", async () => {
  const scene = await openScene("help");
  const [help, version] = await Promise.all([
    scene.run(["import", "--help"]),
    // As from a shell: the launcher starts Node again with flags of its own.
    scene.run(["--version"], { nodeFlags: [] }),
  ]);
  expect([help.code, version.code]).toEqual([0, 0]);
  expect(help.stdout).toContain("--dataset-group");
  expect(help.stdout).not.toContain("--send-window");
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
}, 30_000);

test("help says what there is in 80 columns, and no parser's words", async () => {
  const scene = await openScene("help-text");
  const commands = [["import"], ["rerun"], ["ledger", "mark"]];
  for (const { stdout } of await Promise.all(commands.map((args) => scene.run([...args, "--help"])))) {
    expect(stdout).not.toMatch(/\[(string|boolean|array|required|default: .*)\]/);
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(stdout.indexOf("Positionals:")).toBeLessThan(stdout.indexOf("Sending:"));
    expect(stdout).toMatch(/^ {2}# .+\n {2}traceload /m);
  }
}, 30_000);

test("nothing to read is exit 3, and exit 0 with --allow-empty", async () => {
  const scene = await openScene("empty", { env: await anyStore.env() });
  const file = await scene.write("rows.csv", "trace_id,span_id\n");
  const refused = await scene.run(["import", file, "-g", "42", "--sandbox"]);
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain("--allow-empty");
  const allowed = await scene.run(["import", file, "-g", "42", "--sandbox", "--allow-empty"]);
  expect(allowed.code).toBe(0);
}, 60_000);

test("a store that is not there is exit 3, without its password, and nothing is created", async () => {
  const scene = await openScene("no-store");
  const file = await scene.write("rows.csv", "trace_id\nt1\n");
  const ended = await scene.run(["import", file, "-g", "42", "--sandbox"], {
    env: { TRACELOAD_STORE: "redis://someone:secret-word@127.0.0.1:1" },
  });
  expect(ended.code).toBe(3);
  expect(ended.stderr).toContain("redis://127.0.0.1:1");
  expect(ended.stderr).not.toContain("secret-word");
  expect(ended.stdout).toBe("");
  await expect(access(path.join(scene.directory, "traceload-reports"))).rejects.toThrow("ENOENT");
}, 60_000);
