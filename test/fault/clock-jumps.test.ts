/** The clock of one worker's machine is set in the middle of a run: an hour ahead, an hour back, and right again. */
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/sandbox/random.ts";
import { audit } from "../support/audit.ts";
import { findFakeTime } from "../support/fake-time.ts";
import { findRedis } from "../support/redis-server.ts";
import { openStage, SEED } from "./stage.ts";

const redis = await findRedis("a clock that jumps", { restartable: true });
const fakeTime = await findFakeTime("a clock that jumps");
const HOUR_SECONDS = 3_600;

describe.skipIf(redis === undefined || fakeTime === undefined)("a worker whose clock jumps an hour", () => {
  test("sends what it claimed in time or not at all: every row is added once, none is in doubt", async () => {
    const rows = 200;
    const random = seededRandom(SEED);
    const stage = await openStage({
      name: "clock-jumps",
      rows,
      redis,
      sandbox: ["--latency", "20ms..40ms"],
      importFlags: ["--rate=80/s"],
      timeFlags: ["--lease-ttl=4s", "--lock-time=2s"],
    });
    const clock = await fakeTime?.makeClock(stage.scene.directory);
    const worker = stage.scene.start(stage.workerArguments(), { env: clock?.env ?? {} });
    await stage.untilServing(worker);
    const importing = stage.startImport();
    await worker.until(() => worker.stderr().includes(": started"));
    for (const [index, hours] of [1, -1, 0].entries()) {
      await stage.untilApplied(20 + index * 50 + Math.floor(random() * 30), importing);
      await clock?.setOffset(hours * HOUR_SECONDS);
    }
    const ended = await importing.ended;
    const report = await stage.report(ended);
    expect(audit({ record: await stage.sandbox.record(), report, rowsRead: rows })).toEqual([]);
    expect(report.summary).toMatchObject({ exitCode: 0, counts: { added: rows, unknown: 0 } });
    expect(worker.running()).toBe(true);
  }, 60_000);
});
