/** A run whose machine is gone, carried on from another one: over a Redis that both reach, and a file at the same path. */
import { expect, test } from "vitest";
import { audit } from "../support/audit.ts";
import { findRedis } from "../support/redis-server.ts";
import { readReport } from "../support/report-files.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { startTestSandbox } from "../support/sandbox.ts";
import { openScene } from "../support/scene.ts";
import { canBeOnAnotherHost } from "../support/traceload.ts";

const redis = await findRedis("a run carried on from another host", { restartable: true });
const ROWS = 300;
/** Few rows wait at a time, and each is long: most of the file is not read yet when a third is there. */
const LONG_CHARS = 1_000;

test.skipIf(redis === undefined || !canBeOnAnotherHost())(
  "resume on another host goes on when the lease of the one that is gone is over, reads the rest, and sends nothing twice",
  async () => {
    const scene = await openScene("another-host");
    const server = await redis!.start();
    scene.atEnd(() => server.stop());
    const sandbox = await startTestSandbox(scene, ["--latency", "20ms"]);
    const file = await scene.write("rows.csv", csvOf(rowIds(ROWS), LONG_CHARS));
    const to = ["--store", server.url, "--base-url", sandbox.url, "--json"];
    const times = ["--lease-ttl=3s", "--timeout=2s", "--send-window=1s", "--horizon=1s"];
    const sending = ["--rate=unlimited", "--concurrency=8", "--high-water=40"];
    const seenState = async (): Promise<unknown> => {
      const { stdout } = await scene.run(["status", "moved", "--json", "--store", server.url]);
      return (JSON.parse(stdout) as { state: unknown }).state;
    };
    const gone = scene.start(["import", file, "-g", "42", "--run-id=moved", ...sending, ...times, ...to], {
      host: "north",
    });
    await gone.until(async () => (await sandbox.stats()).applied >= ROWS / 3);
    await gone.kill("SIGKILL");
    expect((await gone.ended).signal).toBe("SIGKILL");

    // Of a process of another machine nothing is known but its lease, and that runs out.
    await expect.poll(async () => seenState(), { timeout: 30_000 }).toBe("interrupted");
    const ended = await scene.start(["resume", "moved", ...to], { host: "south" }).ended;
    expect({ code: ended.code, stderr: ended.stderr }).toMatchObject({ code: 0 });
    const report = await readReport(scene.directory, ended);
    expect(audit({ record: await sandbox.record(), report, rowsRead: ROWS })).toEqual([]);
    expect(report.summary).toMatchObject({
      state: "finished",
      sourceComplete: true,
      counts: { added: ROWS },
    });
  },
  60_000,
);
