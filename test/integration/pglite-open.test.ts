/** Opening the embedded store: who may, on what, and what is there again after a process was killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import type { RowKey } from "../../src/core/row.ts";
import { lockDirectory, lockOwner } from "../../src/store/pglite/lock.ts";
import { openEmbedded } from "../../src/store/pglite/open.ts";
import { identifyProcess } from "../../src/store/pglite/process-identity.ts";
import { scratchDirectory } from "../support/scratch-directory.ts";

const PROGRAM = fileURLToPath(new URL("../support/embedded-process.ts", import.meta.url));

const scratch = scratchDirectory();
const directory = scratch.path(".traceload");
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
  await scratch.remove();
});

interface Told {
  opened?: number;
  failed?: string;
  peakMib?: number;
  run?: string;
  row?: number;
  key?: RowKey;
}

/** Starts the program and passes on what it tells. */
function start(task: string): { child: ChildProcess; lines: AsyncIterableIterator<string> } {
  const child = spawn(process.execPath, [PROGRAM, directory, task], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() };
}

async function nextOf(lines: AsyncIterableIterator<string>): Promise<Told> {
  const { value, done } = await lines.next();
  return done === true ? {} : (JSON.parse(value) as Told);
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

describe("the lock of an embedded store", () => {
  test("names the living owner and the way out", async () => {
    const { child, lines } = start("hold");
    await nextOf(lines);
    expect(await lockOwner(directory)).toMatchObject({ pid: child.pid });
    await expect(openEmbedded({ directory })).rejects.toMatchObject({
      code: "store_locked",
      message: expect.stringContaining(`process ${child.pid} on `),
      next: expect.stringContaining("--store"),
    });
  });

  test("refuses a second opening by the same process, and allows one after closing", async () => {
    const first = await openEmbedded({ directory });
    await expect(openEmbedded({ directory })).rejects.toMatchObject({ code: "store_locked" });
    await first.close();
    expect(await lockOwner(directory)).toBeUndefined();
    const second = await openEmbedded({ directory });
    await second.close();
  });

  test("passes to one of several that find its owner dead", async () => {
    const { child, lines } = start("hold");
    await nextOf(lines);
    await kill(child);
    const heirs = [start("hold"), start("hold"), start("hold"), start("hold")];
    const told = await Promise.all(heirs.map((heir) => nextOf(heir.lines)));
    expect(told.filter(({ opened }) => opened !== undefined)).toHaveLength(1);
    expect(told.filter(({ failed }) => failed === "store_locked")).toHaveLength(3);
  });

  test("is free when its owner's pid belongs to another process now, or to an earlier boot", async () => {
    const self = await identifyProcess(process.pid);
    for (const owner of [
      { ...self, processStart: "1" },
      { ...self, bootId: "an earlier one" },
    ]) {
      await rm(directory, { recursive: true, force: true });
      await mkdir(directory, { recursive: true });
      await writeFile(join(directory, "lock.7"), JSON.stringify({ owner, released: false }));
      const embedded = await openEmbedded({ directory });
      await embedded.close();
    }
  });

  test("of another host is respected", async () => {
    const owner = { ...(await identifyProcess(process.pid)), host: "elsewhere" };
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, "lock.7"), JSON.stringify({ owner, released: false }));
    await expect(openEmbedded({ directory })).rejects.toMatchObject({
      code: "store_locked",
      next: expect.stringContaining("lock.7"),
    });
  });

  test("of another container of this machine is respected for as long as it is touched", async () => {
    const owner = { ...(await identifyProcess(process.pid)), processStart: "1" };
    await mkdir(directory, { recursive: true });
    const file = join(directory, "lock.7");
    await writeFile(file, JSON.stringify({ owner, pids: "pid:[1]", released: false }));
    const touching = setInterval(() => void utimes(file, new Date(), new Date()), 10);
    const often = { touchMs: 40 };
    await expect(lockDirectory(directory, often)).rejects.toMatchObject({ code: "store_locked" });
    clearInterval(touching);
    const lock = await lockDirectory(directory, often);
    const touchedMs = async () => (await stat(join(directory, "lock.8"))).mtimeMs;
    const taken = await touchedMs();
    await expect.poll(touchedMs).toBeGreaterThan(taken);
    await lock.release();
  });
});

describe("the data directory of an embedded store", () => {
  test("is made anew when its making was cut off", async () => {
    await mkdir(join(directory, "data.unfinished-1", "base"), { recursive: true });
    await writeFile(join(directory, "data.unfinished-1", "PG_VERSION"), "18\n");
    const embedded = await openEmbedded({ directory });
    expect(await embedded.store.listRuns()).toEqual([]);
    await embedded.close();
    expect((await readdir(directory)).filter((name) => name.startsWith("data"))).toEqual(["data"]);
  });

  test("is called damaged, and left alone, when files of it are gone or broken", async () => {
    const embedded = await openEmbedded({ directory });
    await embedded.close();
    const intact = scratch.path("intact");
    await cp(directory, intact, { recursive: true });
    for (const breakIt of [
      () => rm(join(directory, "data", "PG_VERSION")),
      () => writeFile(join(directory, "data", "global", "pg_control"), Buffer.alloc(8_192)),
      () => rm(join(directory, "data", "pg_wal"), { recursive: true }),
    ]) {
      await breakIt();
      await expect(openEmbedded({ directory })).rejects.toMatchObject({
        code: "store_damaged",
        next: expect.stringContaining("mv "),
      });
      expect(existsSync(join(directory, "data", "global"))).toBe(true);
      await cp(intact, directory, { recursive: true });
    }
    const mended = await openEmbedded({ directory });
    await mended.close();
  });

  test("is refused when a newer program has changed its schema", async () => {
    const embedded = await openEmbedded({ directory });
    await embedded.pool.query(
      "insert into traceload.migration (version, name) values (1000, 'from the future')",
    );
    await embedded.close();
    await expect(openEmbedded({ directory })).rejects.toMatchObject({ code: "store_schema" });
  });
});

test("what was acknowledged is there after kill -9, again and again", async () => {
  const acknowledged: { key: RowKey; run: string; row: number }[] = [];
  for (let round = 0; round < 3; round += 1) {
    const { child, lines } = start("add");
    let seen = 0;
    for (let told = await nextOf(lines); ; told = await nextOf(lines)) {
      const { key, run, row } = told;
      if (key === undefined || run === undefined || row === undefined) continue;
      acknowledged.push({ key, run, row });
      seen += 1;
      if (seen === 60 + round * 70) break;
    }
    await kill(child);
  }
  const embedded = await openEmbedded({ directory });
  const entries = await embedded.store.lookup(acknowledged.map(({ key }) => key));
  expect(entries).toHaveLength(acknowledged.length);
  expect(entries.filter(({ state }) => state !== "added")).toEqual([]);
  for (const { run: runId, row } of acknowledged) {
    const [stored] = await embedded.store.readRows(runId, { fromRow: row, limit: 1 });
    expect(stored).toMatchObject({ row, status: "added" });
  }
  await embedded.close();
}, 60_000);

test.skipIf(process.platform !== "linux")(
  "a first run stays far under 400 MiB",
  async () => {
    const { lines } = start("measure");
    await nextOf(lines);
    const { peakMib } = await nextOf(lines);
    expect(peakMib).toBeGreaterThan(50);
    expect(peakMib).toBeLessThan(300);
  },
  60_000,
);
