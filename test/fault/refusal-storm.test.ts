/** The server asks everybody to slow down, once and in storms. */
import { describe, expect, test } from "vitest";
import { audit } from "../support/audit.ts";
import { findRedis } from "../support/redis-server.ts";
import { openStage } from "./stage.ts";

const redis = await findRedis("refusal storms", { restartable: true });

/** Requests that had left when the refusal came, and the time until all processes know of it. */
const STILL_COMING_MS = 600;
const PAUSE_MS = 2_000;
/** The pause begins when the refusal is read, and clocks are read in whole milliseconds. */
const EARLY_MS = 20;

describe.skipIf(redis === undefined)("refusals", () => {
  test("with Retry-After: no process sends during the pause; no attempt is used; all rows are added", async () => {
    const rows = 120;
    const stage = await openStage({
      name: "pause",
      rows,
      redis,
      sandbox: ["--fault", "429-retry-after:2@20", "--fault", "503-retry-after:2@70"],
      importFlags: ["--rate=40/s", "--max-attempts=1"],
    });
    const worker = stage.startWorker();
    await stage.untilServing(worker);
    const ended = await stage.startImport().ended;
    const report = await stage.report(ended);
    expect(audit({ record: await stage.sandbox.record(), report, rowsRead: rows })).toEqual([]);
    expect(report.summary).toMatchObject({ exitCode: 0, counts: { added: rows } });

    const arrivals = (await stage.sandbox.arrivals()).map(Math.floor);
    for (const nth of [20, 70]) {
      const refusedAt = arrivals[nth - 1] ?? Number.NaN;
      const during = arrivals.filter(
        (at) => at > refusedAt + STILL_COMING_MS && at < refusedAt + PAUSE_MS - EARLY_MS,
      );
      expect({ nth, during }).toEqual({ nth, during: [] });
    }
  }, 60_000);

  test("without Retry-After, twenty on end: everybody backs off, no attempt is used, all rows are added", async () => {
    const rows = 100;
    const stage = await openStage({
      name: "storm",
      rows,
      redis,
      sandbox: ["--fault", "429@31..50"],
      importFlags: ["--rate=200/s", "--max-attempts=1"],
    });
    const worker = stage.startWorker();
    await stage.untilServing(worker);
    const ended = await stage.startImport().ended;
    const report = await stage.report(ended);
    expect(audit({ record: await stage.sandbox.record(), report, rowsRead: rows })).toEqual([]);
    expect(report.summary).toMatchObject({ exitCode: 0, counts: { added: rows } });
    expect((await stage.sandbox.arrivals()).length).toBe(rows + 20);
  }, 60_000);

  test("of a server that lets fewer through than are sent: the limit is met, and all rows are added", async () => {
    const rows = 120;
    const stage = await openStage({
      name: "over-limit",
      rows,
      redis,
      sandbox: ["--rate-limit", "60/s"],
      importFlags: ["--max-attempts=1"],
    });
    const ended = await stage.startImport().ended;
    const report = await stage.report(ended);
    expect(audit({ record: await stage.sandbox.record(), report, rowsRead: rows })).toEqual([]);
    expect(report.summary).toMatchObject({ exitCode: 0, counts: { added: rows } });
    expect((await stage.sandbox.stats()).requests["add-trace"]?.["429"]).toBeGreaterThan(0);
  }, 60_000);
});
