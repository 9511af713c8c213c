/** The disk is full: under the embedded store in the middle of a run, or where the report shall go. */
import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/sandbox/random.ts";
import { openEmbedded } from "../../src/store/pglite/open.ts";
import { audit } from "../support/audit.ts";
import { findSmallDisks, mountSmallDisk, type SmallDisk } from "../support/small-disk.ts";
import { CONCURRENCY, openStage, SEED, type Stage } from "./stage.ts";

const possible = await findSmallDisks("a full disk");
const random = seededRandom(SEED);
const FULL_MS = 1_500;
const LATENCY = ["--latency", "5ms..10ms"];
/** `--wal-segsize` of the embedded store. */
const LOG_FILE_BYTES = 4 * 1024 * 1024;
/** As much as some hundred rows write; with less, the next file would be made when the store is opened. */
const LOG_LEFT_BYTES = 1_150_000;

describe.skipIf(!possible)("a full disk", () => {
  test("under the embedded store: it waits for room, no confirmation is lost, and goes on", async () => {
    // More than there is room for in the files that the store has by then.
    const rows = 1_500;
    const stage = await openStage({ name: "disk-full", rows, sandbox: LATENCY });
    const disk = await diskOf(stage, 100);
    const importing = stage.startImport(`--store=pglite:${disk.directory}/store`);
    await stage.untilApplied(20 + Math.floor(random() * 40), importing);
    await disk.fillUp();
    await pause(FULL_MS);
    expect((await stage.sandbox.record()).length).toBeLessThan(rows);
    await disk.makeRoom();
    const ended = await importing.ended;
    const report = await stage.report(ended);
    expect(audit({ record: await stage.sandbox.record(), report, rowsRead: rows })).toEqual([]);
    expect(report.summary).toMatchObject({ exitCode: 0, counts: { added: rows, unknown: 0 } });
  }, 120_000);

  test("under the embedded store's log: the import ends and says why; the same command goes on", async () => {
    const rows = 700;
    const stage = await openStage({ name: "disk-full-log", rows, sandbox: LATENCY });
    await nearlyFillLog(`${stage.scene.directory}/store`);
    const disk = await mountSmallDisk(12, `${stage.scene.directory}/store/data/pg_wal`);
    stage.scene.atEnd(() => disk.remove());
    await disk.fillUp();
    const ended = await stage.startImport().ended;
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 3, stdout: "" });
    expect(ended.stderr).toContain("no space left");
    const applied = (await stage.sandbox.record()).length;
    expect(applied).toBeGreaterThan(0);
    expect(applied).toBeLessThan(rows);

    await disk.makeRoom();
    const again = await stage.startImport().ended;
    const report = await stage.report(again);
    const record = await stage.sandbox.record();
    expect(audit({ record, report, rowsRead: rows })).toEqual([]);
    const { counts, state } = report.summary;
    expect({ state, lost: rows - counts.added - counts.duplicate - counts.unknown }).toEqual({
      state: "finished",
      lost: 0,
    });
    // None, where it was a claim that met the end, with nothing in flight.
    expect(counts.unknown).toBeLessThanOrEqual(CONCURRENCY);
    expect(again.code).toBe(counts.unknown > 0 ? 6 : 0);
  }, 120_000);

  test("where the report shall go: the results are in the store, and reported from there", async () => {
    const rows = 400;
    const stage = await openStage({ name: "disk-full-report", rows });
    const disk = await diskOf(stage, 1);
    const importing = stage.startImport(`--report-dir=${disk.directory}/reports`);
    await stage.untilApplied(1, importing);
    await disk.fillUp();
    const ended = await importing.ended;
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 3, stdout: "" });
    expect(ended.stderr).toContain("no space left");

    const record = await stage.sandbox.record();
    expect(record.length).toBe(rows);
    const reporting = ["report", "latest", "--json", `--store=${stage.storeUrl}`];
    const again = await stage.scene.run([...reporting, `--report-dir=${disk.directory}/reports`]);
    expect(again.code).toBe(3);
    await disk.makeRoom();
    const report = await stage.report(
      await stage.scene.run([...reporting, `--report-dir=${disk.directory}/reports`]),
    );
    expect(audit({ record, report, rowsRead: rows })).toEqual([]);
    expect(report.summary.counts).toMatchObject({ added: rows });
  }, 120_000);
});

async function diskOf(stage: Stage, megabytes: number): Promise<SmallDisk> {
  const disk = await mountSmallDisk(megabytes);
  stage.scene.alsoKeep(disk.directory);
  stage.scene.atEnd(() => disk.remove());
  return disk;
}

/** Makes a store whose log has room for some hundred rows, and then needs a new file. */
async function nearlyFillLog(directory: string): Promise<void> {
  const embedded = await openEmbedded({ directory });
  const { rows } = await embedded.pool.query("select pg_current_wal_lsn() - '0/0'::pg_lsn as bytes");
  const used = Number(rows[0]?.["bytes"]) % LOG_FILE_BYTES;
  const filling = LOG_FILE_BYTES - used - LOG_LEFT_BYTES;
  if (filling > 0) {
    await embedded.pool.query("select pg_logical_emit_message(false, 'x', repeat('x', $1))", [filling]);
  }
  await embedded.close();
  const log = path.join(directory, "data", "pg_wal");
  const files = (await readdir(log)).filter((name) => /^[0-9A-F]{24}$/.test(name)).sort();
  for (const later of files.slice(1)) await rm(path.join(log, later));
}
