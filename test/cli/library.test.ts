/** The package as it is published, in a project of its own: its files, its types, and the guide's examples as printed. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { json } from "node:stream/consumers";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { csvOf, rowIds } from "../support/row-files.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const run = promisify(execFile);
let project = "";
let files: string[] = [];

interface Manifest {
  name: string;
  files: string[];
  dependencies: Record<string, string>;
}

/** A project with the packed package in place, and its dependencies linked. */
beforeAll(async () => {
  project = await mkdtemp(path.join(tmpdir(), "traceload-library-"));
  const modules = path.join(project, "node_modules");
  await mkdir(path.join(modules, "traceload"), { recursive: true });
  const pack = ["pack", "--ignore-scripts", "--json", "--pack-destination", project];
  const { stdout } = await run("npm", pack, { cwd: ROOT });
  const answer = JSON.parse(stdout) as unknown;
  const [packed] = Object.values(answer as Record<string, { filename: string; files: { path: string }[] }>);
  files = packed?.files.map((file) => file.path) ?? [];
  const tarball = path.join(project, packed?.filename ?? "");
  await run("tar", ["-xzf", tarball, "-C", path.join(modules, "traceload"), "--strip-components=1"]);
  const { dependencies } = JSON.parse(await readFile(path.join(ROOT, "package.json"), "utf8")) as Manifest;
  for (const name of [...Object.keys(dependencies), "@types/node"]) {
    await mkdir(path.dirname(path.join(modules, name)), { recursive: true });
    await symlink(path.join(ROOT, "node_modules", name), path.join(modules, name));
  }
  const guide = await readFile(path.join(ROOT, "docs/guide/library.md"), "utf8");
  const examples = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)];
  for (const [index, [, text = ""]] of examples.entries()) {
    await writeFile(path.join(project, `example-${index + 1}.ts`), text);
  }
  await writeFile(path.join(project, "traces.csv"), csvOf(rowIds(25)));
  await writeFile(path.join(project, "package.json"), '{ "type": "module" }');
  const compilerOptions = {
    module: "nodenext",
    target: "es2023",
    lib: ["es2023"],
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
  };
  await writeFile(
    path.join(project, "tsconfig.json"),
    JSON.stringify({ compilerOptions, include: ["*.ts"] }),
  );
  await run(process.execPath, [path.join(ROOT, "node_modules/typescript/bin/tsc"), "-p", "."], {
    cwd: project,
  });
}, 120_000);

afterAll(() => rm(project, { recursive: true, force: true }));

test("the package holds the program, the types of the library, and nothing else", () => {
  const rest = files.filter((file) => !/^dist\/(config|jobs|src)\/.*\.js$/.test(file));
  expect(rest.filter((file) => !file.endsWith(".d.ts")).sort()).toEqual([
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "config/traceload.schema.json",
    "dist/pglite-template.zst",
    "examples/traceload.yaml",
    "examples/traces.csv",
    "package.json",
    "src/cli/launcher.cjs",
  ]);
  expect(files).toContain("dist/src/cli/main.js");
  expect(files.filter((file) => file.endsWith(".d.ts"))).toHaveLength(16);
});

test("the guide's example runs as printed: every row added, nothing left open", async () => {
  const { stdout, stderr } = await run(process.execPath, ["example-1.js"], { cwd: project });
  const lines = stdout.trimEnd().split("\n");
  expect(lines.at(-1)).toBe("finished: 25 of 25 rows added, draft verified");
  expect(lines.slice(0, -1).every((line) => /^\d+ rows added so far$/.test(line))).toBe(true);
  expect(stderr).toBe("");
}, 120_000);

test("so does the one that asks a server, but for the address", async () => {
  const asked: { authorization: string | undefined; body: unknown }[] = [];
  const server = createServer((request, response) => {
    const answer = async () => {
      asked.push({ authorization: request.headers.authorization, body: await json(request) });
      const records = [900, 900, 100].map((latency_ms, index) => {
        return { env: "prod", latency_ms, attributes: { tid: `trace-${index}` } };
      });
      response.setHeader("content-type", "application/json").end(JSON.stringify(records));
    };
    void answer();
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const example = await readFile(path.join(project, "example-2.js"), "utf8");
  const there = example.replace("https://traces.example.com", `http://127.0.0.1:${port}`);
  await writeFile(path.join(project, "example-2.js"), there);
  const { stdout, stderr } = await run(process.execPath, ["example-2.js"], {
    cwd: project,
    env: { ...process.env, TRACES_TOKEN: "a token" },
  });
  expect([stdout, stderr]).toEqual(["2 of 2 rows added\n", ""]);
  const aTime = expect.stringMatching(/^\d{4}-.*Z$/) as string;
  expect(asked).toEqual([{ authorization: "Bearer a token", body: { from: aTime, to: aTime } }]);
}, 120_000);

test("what is not the library's own cannot be imported", async () => {
  const script = "await import('traceload/dist/src/wire.js')";
  const failing = run(process.execPath, ["--input-type=module", "-e", script], { cwd: project });
  await expect(failing).rejects.toThrow("ERR_PACKAGE_PATH_NOT_EXPORTED");
});
