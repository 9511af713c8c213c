/** The API key is in no file, no store, no log, no report, and not in `ps`: no eight characters of it in a row. */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { findRedis } from "../support/redis-server.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { startTestSandbox } from "../support/sandbox.ts";
import { openScene, type Scene } from "../support/scene.ts";
import type { Traceload } from "../support/traceload.ts";

/** Nothing that occurs by chance: every eight characters mix both cases and digits. */
const KEY = "pL9xQ7vR2mK8wZ4tB6nH3jF5sD1gY0cX9aV7uE2iO4qW6rT8";
const PARTS = Array.from({ length: KEY.length - 7 }, (_, start) => KEY.slice(start, start + 8));
const FAULTS = ["500@4", "close-after-apply@6", "429@8", "400@10", "half-body@12"];

const redis = await findRedis("where the key must not be", { restartable: true });

describe("no part of the key can be found after an import at --log-level trace", () => {
  test("in the embedded store, reports, output, or a command line", async () => {
    const scene = await openScene("secret-embedded");
    await importAndSearch(scene, async (args) => {
      const importing = scene.start(args, { env: { PROMPTLAYER_API_KEY: KEY } });
      return [importing];
    });
  }, 60_000);

  test.skipIf(redis === undefined)(
    "in Redis and its files, with a worker",
    async () => {
      const scene = await openScene("secret-redis");
      const server = await redis!.start({ appendonly: "yes", appendfsync: "always" });
      scene.atEnd(() => server.stop());
      await importAndSearch(scene, async (args, url) => {
        const env = { PROMPTLAYER_API_KEY: KEY, REDIS_URL: server.url };
        const worker = scene.start(["worker", "--base-url", url, "--log-level", "trace"], { env });
        await worker.until(() => worker.stderr().includes("serving runs"));
        return [scene.start(args, { env }), worker];
      });
      // The append-only file holds every command that ever wrote.
      if (server.directory !== undefined) expect(await findKey(server.directory)).toEqual([]);
    },
    60_000,
  );

  test("in what is said about a key that was refused", async () => {
    const scene = await openScene("secret-refused");
    const sandbox = await startTestSandbox(scene, ["--key", "another"]);
    const file = await scene.write("rows.csv", csvOf(rowIds(1)));
    const args = ["import", file, "-g", "42", "--base-url", sandbox.url, "--log-level", "trace"];
    const refused = await scene.run(args, { env: { PROMPTLAYER_API_KEY: KEY } });
    expect(refused.code).toBe(3);
    expect(partsIn(refused.stderr + refused.stdout)).toEqual([]);
  }, 60_000);
});

async function importAndSearch(
  scene: Scene,
  start: (args: string[], url: string) => Promise<Traceload[]>,
): Promise<void> {
  const sandbox = await startTestSandbox(scene, [
    "--latency=20ms",
    ...FAULTS.flatMap((fault) => ["--fault", fault]),
  ]);
  const file = await scene.write("rows.csv", csvOf(rowIds(60)));
  const args = [
    "import",
    file,
    "-g",
    "42",
    "--base-url",
    sandbox.url,
    "--rate",
    "50/s",
    "--timeout=1s",
    "--send-window=500ms",
    "--horizon=500ms",
    "--log-level",
    "trace",
  ];
  const [importing, ...others] = await start(args, sandbox.url);
  await importing!.until(async () => (await sandbox.stats()).applied >= 5);
  expect(await findInCommandLines()).toEqual([]);
  const ended = await importing!.ended;
  // One row was rejected; those in doubt were asked for.
  expect(ended.code).toBe(1);
  for (const other of others) await other.kill("SIGTERM");
  for (const one of [importing!, ...others]) {
    await one.ended;
    expect(partsIn(one.stdout() + one.stderr())).toEqual([]);
  }
  expect(await findKey(scene.directory)).toEqual([]);
}

/** Files under the directory that hold a part of the key. */
async function findKey(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => path.join(parentPath, name));
  expect(files.length).toBeGreaterThan(0);
  const found: string[] = [];
  for (const file of files) {
    // Byte for byte, whatever the file is.
    if (partsIn(await readFile(file, "latin1")).length > 0) found.push(file);
  }
  return found;
}

async function findInCommandLines(): Promise<string[]> {
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "")),
  );
  return lines.filter((line) => partsIn(line).length > 0);
}

function partsIn(text: string): string[] {
  return PARTS.filter((part) => text.includes(part));
}
