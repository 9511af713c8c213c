/** An import of what a server answers: it goes on with the answer it had, and keeps no secret. */
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { expect, test } from "vitest";
import { openAnyStore } from "../support/any-store.ts";
import { LOCALHOST_CERT, LOCALHOST_KEY } from "../support/localhost-certificate.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { startTestSandbox } from "../support/sandbox.ts";
import { openScene } from "../support/scene.ts";
import type { Ended } from "../support/traceload.ts";
import { startTunnelProxy } from "../support/tunnel-proxy.ts";

const SECRET = "qX7vR2mK8wZ4tB6nH3";
/** With few rows waiting, and some 30 of such long ones read at once, most are not read when the first are there. */
const ROWS = 600;
const LONG_CHARS = 1_000;

const anyStore = await openAnyStore();

test("what was answered is read to its end by the run's name or the same command, and no secret is kept", async () => {
  const scene = await openScene("servers", { env: { ...(await anyStore.env()), TOKEN: SECRET } });
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.authorization}`);
    // Asked once more, it would answer otherwise.
    response.end(
      csvOf(
        rowIds(ROWS).map(([trace, span]) => [`${asked.length}-${trace}`, span]),
        LONG_CHARS,
      ).replace("trace_id", "tid"),
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
    "--map",
    "trace_id=tid",
    "--where",
    "span_id~.",
    "-g",
    "42",
  ];
  const to = ["--base-url", sandbox.url, "--log-level", "trace"];
  const slowly = [...to, "--rate", "150/s", "--high-water", "10"];
  const stopped: Ended[] = [];
  for (const command of [
    [...args, "--run-id", "named"],
    ["resume", "named"],
  ]) {
    const { applied } = await sandbox.stats();
    const started = scene.start([...command, ...slowly]);
    await started.until(async () => (await sandbox.stats()).applied >= applied + 5);
    await started.kill("SIGINT");
    const ended = await started.ended;
    expect([ended.code, ended.stdout]).toEqual([130, expect.stringContaining("not read to the end")]);
    stopped.push(ended);
  }
  const last = await scene.run([...args, ...to, "--rate", "unlimited", "--json"]);
  expect(last.code).toBe(0);
  expect(last.stderr).toContain("carrying on run named");
  const read = rowIds(ROWS).filter(([, span]) => span !== "").length;
  expect(JSON.parse(last.stdout)).toMatchObject({ counts: { read, added: read }, sourceComplete: true });
  expect(asked).toEqual([`/${SECRET}/traces.csv?key=${SECRET} Bearer ${SECRET}`]);

  const shown = [...stopped, last].map(({ stdout, stderr }) => stdout + stderr).join("\n");
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

test("over TLS by an issuer of one's own, through a proxy, tables and Parquet are read", async () => {
  const scene = await openScene("servers-tls");
  const parquet = await readFile(path.join(import.meta.dirname, "../fixtures/exports/spans.parquet"));
  const server = createTlsServer({ cert: LOCALHOST_CERT, key: LOCALHOST_KEY }, ({ url }, response) => {
    response.end(url === "/rows.csv" ? csvOf(rowIds(3)) : parquet);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  scene.atEnd(async () => void server.close());
  const proxy = await startTunnelProxy();
  const { port } = server.address() as AddressInfo;
  const addresses = ["rows.csv", "spans.parquet"].map((name) => `https://localhost:${port}/${name}`);
  const env = {
    // Without a scheme, as curl takes it; Node reads the issuers when it starts.
    HTTPS_PROXY: `me:${SECRET}@localhost:${proxy.port}`,
    NODE_EXTRA_CA_CERTS: await scene.write("issuer.pem", LOCALHOST_CERT),
  };
  const { code, stdout, stderr } = await scene.start(
    ["import", ...addresses, "-g", "42", "--dry-run", "--unit", "span", "--json"],
    { env },
  ).ended;
  expect([code, stderr]).toEqual([0, ""]);
  const { plan } = JSON.parse(stdout) as {
    plan: { sources: { name: string; format: string; rows: number }[] };
  };
  expect(plan.sources.map(({ name, format, rows }) => [name, format, rows])).toEqual([
    [addresses[0], "csv", 3],
    [addresses[1], "parquet", 3],
  ]);
  expect(proxy.requests.map(({ head }) => head.split("\r\n")[0])).toContain(
    `CONNECT localhost:${port} HTTP/1.1`,
  );
}, 60_000);

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
