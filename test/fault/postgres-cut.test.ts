/** Connections to Postgres are cut in the middle of a run, and a worker dies beside it. */
import { describe, expect, test } from "vitest";
import { audit } from "../support/audit.ts";
import { findPostgres } from "../support/postgres-server.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { CONCURRENCY, openStage } from "./stage.ts";

const postgres = await findPostgres("cut connections", { restartable: true });
/** One answer in so many is lost with its connection, a few times: what is lost may be a job, for as long as its lock. */
const CUT_EVERY = 60;
const CUTS = 4;
const PASSWORD = "hunter2-hunter3";

describe.skipIf(postgres === undefined)("Postgres as the store", () => {
  test("with connections cut and a worker killed: only that one's rows are in doubt, and no password is told", async () => {
    const rows = 300;
    const stage = await openStage({
      name: "postgres-cut",
      rows,
      postgres,
      sandbox: ["--latency", "40ms..80ms"],
    });
    const url = new URL(stage.storeUrl);
    let cutting = false;
    let answers = 0;
    const proxy = await startTcpProxy({
      targetPort: Number(url.port),
      onReply: () => {
        // Who cannot open the store gives up; these are in the middle of their work.
        if (!cutting) return undefined;
        answers += 1;
        return answers % CUT_EVERY === 0 && answers <= CUTS * CUT_EVERY
          ? { bytes: 0, end: "reset" }
          : undefined;
      },
    });
    stage.scene.atEnd(() => proxy.close());
    url.port = String(proxy.port);
    url.password = PASSWORD;
    const store = `--store=${url.href}`;
    const workers = [stage.startWorker(store, "--log-level=trace"), stage.startWorker(store)];
    for (const worker of workers) await stage.untilServing(worker);
    const importing = stage.startImport(store, "--log-level=trace");
    const victim = workers[1]!;
    await victim.until(() => victim.stderr().includes(": started"));
    await stage.untilApplied(1, importing);
    cutting = true;
    await stage.untilApplied(80, importing);
    await victim.kill("SIGKILL");
    const ended = await importing.ended;

    const report = await stage.report(ended);
    expect(audit({ record: await stage.sandbox.record(), report, rowsRead: rows })).toEqual([]);
    const { counts, state } = report.summary;
    expect({ state, lost: rows - counts.added - counts.unknown }).toEqual({ state: "finished", lost: 0 });
    expect(counts.unknown).toBeLessThanOrEqual(CONCURRENCY);
    expect(answers).toBeGreaterThan(CUTS * CUT_EVERY);
    const told = ended.stdout + ended.stderr + workers.map((worker) => worker.stderr()).join("");
    expect(told).toContain(`postgres://${url.host}/postgres`);
    expect(told).not.toContain(PASSWORD);
  }, 120_000);
});
