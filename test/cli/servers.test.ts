/** An import of what a server answers: it goes on with the answer it had, and keeps no secret. */
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { expect, test } from "vitest";
import { openAnyStore } from "../support/any-store.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { startTestSandbox } from "../support/sandbox.ts";
import { openScene } from "../support/scene.ts";

const SECRET = "qX7vR2mK8wZ4tB6nH3";
/** With few rows waiting, and some 30 of such long ones read at once, most are not read when the first are there. */
const ROWS = 600;
const LONG_CHARS = 1_000;

const anyStore = await openAnyStore();

test("what was answered is read to its end by the same command typed again, and no secret is kept", async () => {
  const scene = await openScene("servers", { env: { ...(await anyStore.env()), TOKEN: SECRET } });
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.authorization}`);
    // Asked once more, it would answer otherwise.
    response.end(
      csvOf(
        rowIds(ROWS).map(([trace, span]) => [`${asked.length}-${trace}`, span]),
        LONG_CHARS,
      ),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  scene.atEnd(async () => void server.close());
  const { port } = server.address() as AddressInfo;
  const sandbox = await startTestSandbox(scene, ["--latency", "20ms"]);
  const args = [
    "import",
    `http://127.0.0.1:${port}/\${TOKEN}/traces.csv?key=\${TOKEN}`,
    "--header",
    "Authorization: Bearer ${TOKEN}",
    "-g",
    "42",
    "--base-url",
    sandbox.url,
    "--log-level",
    "trace",
  ];
  const first = scene.start([...args, "--rate", "50/s", "--high-water", "10"]);
  await first.until(async () => (await sandbox.stats()).applied >= 5);
  await first.kill("SIGINT");
  const stopped = await first.ended;
  expect([stopped.code, stopped.stdout]).toEqual([130, expect.stringContaining("not read to the end")]);
  const second = await scene.run([...args, "--rate", "unlimited", "--json"]);
  expect(second.code).toBe(0);
  expect(second.stderr).toContain("carrying on run");
  expect(JSON.parse(second.stdout)).toMatchObject({
    counts: { read: ROWS, added: ROWS },
    sourceComplete: true,
  });
  expect(asked).toEqual([`/${SECRET}/traces.csv?key=${SECRET} Bearer ${SECRET}`]);

  const shown = [stopped, second].map(({ stdout, stderr }) => stdout + stderr).join("\n");
  expect(shown).not.toContain(SECRET);
  const entries = await readdir(scene.directory, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => path.join(parentPath, name));
  expect(files.filter((file) => file.includes("spool"))).toEqual([]);
  for (const file of files)
    expect([file, (await readFile(file, "latin1")).includes(SECRET)]).toEqual([file, false]);
  const rows = files.find((file) => file.endsWith("rows.csv")) ?? "";
  expect(await readFile(rows, "utf8")).toContain(`http://127.0.0.1:${port}/\${TOKEN}/traces.csv?…`);
}, 120_000);

test.each([
  [["https://me:hunter2@example.com/a.csv"], "the source's address holds a password"],
  [["--from", "postgres://db.example.com/x"], "what shall be asked?"],
  [["--from", "${NOT_SET}", "--query", "select 1"], "the variable NOT_SET is not set"],
  [["rows.csv", "--since", "24h"], "--since is given, and no address"],
  [[], "files must be named, or an address by --from"],
])("what cannot be asked is refused at once: %j", async (args, message) => {
  const scene = await openScene("servers-refused");
  await scene.write("rows.csv", csvOf(rowIds(1)));
  const { code, stderr } = await scene.run(["import", ...args, "-g", "42", "--dry-run"]);
  expect([3, 64]).toContain(code);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain("hunter2");
  expect(stderr).toContain("next: ");
});
