/** The API is gone for a while: nobody listens, or its server dies with requests in hand and comes back. */
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/sandbox/random.ts";
import { audit } from "../support/audit.ts";
import { findRedis } from "../support/redis-server.ts";
import { readRecord } from "../support/sandbox.ts";
import { eventually } from "../support/sandbox-caller.ts";
import { startSandboxProcess } from "../support/sandbox-process.ts";
import { CONCURRENCY, openStage, openStageWith, SEED } from "./stage.ts";

const redis = await findRedis("an API that is away", { restartable: true });
const AWAY_MS = 1_200;

describe("an API that is gone for a while", () => {
  test("refuses connections: the rows are tried again until it is back, none is in doubt", async () => {
    const rows = 120;
    const stage = await openStage({
      name: "api-refuses",
      rows,
      redis,
      sandbox: ["--latency", "5ms..20ms", "--fault", `refuse:${AWAY_MS}@40`],
      importFlags: ["--max-attempts=30"],
    });
    const ended = await stage.startImport().ended;
    const report = await stage.report(ended);
    expect(audit({ record: await stage.sandbox.record(), report, rowsRead: rows })).toEqual([]);
    expect(report.summary).toMatchObject({ exitCode: 0, counts: { added: rows, unknown: 0, failed: 0 } });
    // The gap is there: nobody was served while nobody listened.
    const arrivals = await stage.sandbox.arrivals();
    const longest = Math.max(...arrivals.slice(1).map((at, index) => at - (arrivals[index] ?? at)));
    expect(longest).toBeGreaterThan(AWAY_MS / 2);
  }, 60_000);

  test("for longer than the attempts last: its rows fail, and the same command adds them", async () => {
    const rows = 60;
    const stage = await openStage({
      name: "api-refuses-long",
      rows,
      sandbox: ["--latency", "5ms..20ms", "--fault", `refuse:${AWAY_MS}@20`],
      importFlags: ["--max-attempts=2"],
    });
    const ended = await stage.startImport().ended;
    const report = await stage.report(ended);
    expect(audit({ record: await stage.sandbox.record(), report, rowsRead: rows })).toEqual([]);
    const { counts } = report.summary;
    expect(counts.failed).toBeGreaterThan(0);
    expect(counts).toMatchObject({ added: rows - counts.failed, unknown: 0 });
    expect(ended.code).toBe(1);

    await eventually(() =>
      fetch(stage.sandbox.url).then(
        () => true,
        () => false,
      ),
    );
    const again = await stage.report(await stage.startImport().ended);
    const record = await stage.sandbox.record();
    expect(audit({ record, report: again, rowsRead: rows })).toEqual([]);
    expect(again.summary).toMatchObject({ exitCode: 0, counts: { failed: 0, unknown: 0 } });
    expect(record.length).toBe(rows);
  }, 60_000);

  test.skipIf(redis === undefined)(
    "because its server is killed: what that had in hand is unknown, all else is added once it is back",
    async () => {
      const rows = 250;
      const random = seededRandom(SEED);
      const stage = await openStageWith(startSandboxProcess, {
        name: "api-killed",
        rows,
        redis,
        sandbox: ["--latency", "20ms..40ms"],
        importFlags: ["--max-attempts=30"],
      });
      const worker = stage.startWorker();
      await stage.untilServing(worker);
      const importing = stage.startImport();
      await stage.untilApplied(40 + Math.floor(random() * 60), importing);
      await stage.sandbox.process.kill("SIGKILL");
      const before = (await readRecord(stage.sandbox.recordFile)).length;
      expect(before).toBeLessThan(rows);
      await pause(AWAY_MS);
      const { port } = new URL(stage.sandbox.url);
      stage.scene.start(["sandbox", `--port=${port}`, "--record", stage.sandbox.recordFile]);

      const ended = await importing.ended;
      const report = await stage.report(ended);
      expect(audit({ record: await stage.sandbox.record(), report, rowsRead: rows })).toEqual([]);
      const { counts, state } = report.summary;
      expect({ state, lost: rows - counts.added - counts.unknown }).toEqual({ state: "finished", lost: 0 });
      expect(counts.unknown).toBeGreaterThan(0);
      expect(counts.unknown).toBeLessThanOrEqual(2 * CONCURRENCY);
      expect(ended.code).toBe(6);
      expect(worker.running()).toBe(true);
    },
    60_000,
  );
});
