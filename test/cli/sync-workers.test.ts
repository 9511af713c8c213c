/** Syncs beside a worker that lives: what people do to them, ticks that come due meanwhile, and what is told of it. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { type HistoryTick, openSyncStage, overlaps, type SyncStage, tracesCsv } from "../fault/sync-stage.ts";
import { findRedis } from "../support/redis-server.ts";
import { openLongScene, type Scene } from "../support/scene.ts";
import type { Traceload } from "../support/traceload.ts";
import { guidesCheck, type Receiver, startReceiver } from "../support/webhook-receiver.ts";
import { makeSteps } from "../support/steps.ts";

const SECRET = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;
const TOKEN = "qX7vR2mK8wZ4";
/** Of one row; with 8 at a time, 80 rows take a second. */
const LATENCY = "100ms";

const redis = await findRedis("syncs beside a worker", { restartable: true });
const names = (prefix: string, rows: number) => Array.from({ length: rows }, (_, row) => `${prefix}-${row}`);
const ran = (ticks: readonly HistoryTick[]) => ticks.filter(({ became }) => became === "ran");

describe.skipIf(redis === undefined)("syncs beside a worker", () => {
  let scene: Scene;
  let stage: SyncStage;
  let worker: Traceload;
  let receiver: Receiver;
  let hookStatus = 204;
  const { step, failed } = makeSteps(90_000);
  beforeAll(async () => {
    scene = await openLongScene("sync-workers");
    receiver = await startReceiver((response) => void response.writeHead(hookStatus).end());
    scene.atEnd(() => receiver.close());
    const sandbox = ["--latency", LATENCY, "--missing", "gone-"];
    stage = await openSyncStage({ name: "sync-workers", scene, redis, syncs: "syncs: {}\n", sandbox });
    const env = { HOOK: receiver.url, TRACELOAD_WEBHOOK_SECRET: SECRET, TOKEN };
    worker = stage.startWorker(env, "--sync-report-dir=left");
    await worker.until(() => worker.stderr().includes("serving runs"));
  }, 60_000);
  afterAll(() => scene.close({ failed: failed() }));
  /** Looks at what the worker said, for every look into the history is a command. */
  const said = (text: RegExp, times = 1) =>
    worker.until(() => [...worker.stderr().matchAll(new RegExp(text, "g"))].length >= times);
  const remove = async (sync: string) =>
    expect(await stage.run(["sync", "remove", sync, "--yes"])).toMatchObject({ code: 0 });
  const expectOnce = async (traces: readonly string[]) => {
    const times = await stage.applied();
    expect(traces.filter((trace) => times.get(trace) !== 1)).toEqual([]);
  };

  step("a run that is left to it is run by it, and the history says which run it was", async () => {
    await stage.drop("by-hand.csv", tracesCsv(["hand-1", "hand-2"]));
    await stage.apply("syncs:\n  by-hand: { files: exports/by-hand.csv, dataset-group: 41 }\n");
    const left = await stage.run(["sync", "run", "by-hand", "--detach"]);
    expect(left).toMatchObject({ code: 4, stdout: "sync by-hand: a worker runs it\n" });
    await said(/sync by-hand: run \S+ finished/);
    await expectOnce(["hand-1", "hand-2"]);
    const shown = await stage.run(["sync", "history", "by-hand"]);
    const [{ runId = "" } = {}] = await stage.history("by-hand");
    expect(shown.stdout).toContain(`a run's rows: traceload report --store `);
    expect(shown.stdout.trimEnd().endsWith(` ${runId}`)).toBe(true);
    const summary = await readFile(path.join(scene.directory, "left", runId, "summary.json"), "utf8");
    expect(JSON.parse(summary)).toMatchObject({ runId, counts: { added: 2 } });
  });

  step("overlap: queue-one lets one tick wait for the end of the run, and skips those after it", async () => {
    const traces = names("queued", 240);
    await stage.drop("queued.csv", tracesCsv(traces));
    await stage.apply(sync("queued", 42, 'cron: "* * * * * *"', "overlap: queue-one"));
    await said(/sync queued: empty/);
    await expectOnce(traces);
    const ticks = await stage.history("queued");
    const [first, second] = ran(ticks);
    expect([first?.result, second?.result]).toEqual(["finished", "empty"]);
    expect(second?.due).toBeLessThan(first?.endedAt ?? 0);
    expect(ticks.find(({ became }) => became === "skipped")?.why).toMatch(/ waits for its end$/);
    expect(overlaps(ticks)).toEqual([]);
    await remove("queued");
  });

  step("overlap: cancel-running ends the run, and the next one reads what it left", async () => {
    const traces = names("cancelled", 300);
    await stage.drop("cancelled.csv", tracesCsv(traces));
    await stage.apply(sync("cancelled", 43, 'cron: "*/3 * * * * *"', "overlap: cancel-running"));
    await said(/sync cancelled: run \S+ finished/);
    await expectOnce(traces);
    const ticks = await stage.history("cancelled");
    const [first] = ran(ticks);
    expect([first?.result, first?.why]).toEqual([
      "cancelled",
      expect.stringMatching(/^tick \S+ came due before its run had ended$/),
    ]);
    expect(overlaps(ticks)).toEqual([]);
    await remove("cancelled");
  });

  step("one that is paused skips its ticks until it is resumed; one that is removed is gone", async () => {
    await stage.apply(sync("halted", 44, 'cron: "* * * * * *"', "overlap: skip"));
    await said(/sync halted: empty/);
    expect((await stage.run(["sync", "pause", "halted"])).stdout).toBe("sync halted is paused\n");
    await stage.drop("halted.csv", tracesCsv(["halted-1"]));
    await pause(2_500);
    const skipped = (await stage.history("halted")).filter(({ why }) => why === "the sync was paused");
    expect(skipped.length).toBeGreaterThanOrEqual(2);
    expect((await stage.applied()).has("halted-1")).toBe(false);
    expect((await stage.run(["sync", "list"])).stdout).toMatch(/^halted +\S+.* paused /m);
    expect((await stage.run(["sync", "resume", "halted"])).code).toBe(0);
    await worker.until(async () => (await stage.applied()).has("halted-1"));
    // In the middle of a run, which goes on: rows that are on their way are not lost.
    const traces = names("removed", 100);
    await stage.drop("halted.csv", tracesCsv(traces));
    await worker.until(async () => (await stage.applied()).has("removed-0"));
    await remove("halted");
    expect(await stage.run(["sync", "history", "halted"])).toMatchObject({ code: 3 });
    await worker.until(async () =>
      traces.every(
        (
          (times) => (trace) =>
            times.has(trace)
        )(await stage.applied()),
      ),
    );
    await expectOnce(traces);
  });

  step(
    "webhooks hear of a failure, a recovery and nothing in between; what they missed is shown",
    async () => {
      const isFromTraceload = await guidesCheck();
      const told = () => receiver.received.map(({ body }) => (JSON.parse(body) as { type: string }).type);
      await stage.apply(
        sync("told", 45, 'cron: "* * * * * *"', 'grace: 0s\n    notify: [{ url: "${HOOK}" }]'),
      );
      await stage.drop("told.csv", tracesCsv(["told-1", "gone-1"]));
      await worker.until(() => told().length === 1);
      await said(/sync told: empty/, 2);
      expect(told()).toEqual(["traceload.failure"]);
      expect((await stage.run(["sync", "list"])).stdout).toMatch(/^told .* failing /m);
      await stage.drop("told.csv", tracesCsv(["told-1", "told-2"]));
      await worker.until(() => told().length === 2);

      hookStatus = 410;
      await stage.drop("told.csv", tracesCsv(["told-2", "gone-2"]));
      const host = new URL(receiver.url).host;
      await worker.until(() => worker.stderr().includes(`sync told: failure not told: ${host} answers 410`));
      const untold = `its failure was not told: ${host} answers 410`;
      for (const command of [["sync", "list"], ["doctor"]]) {
        expect((await stage.run(command)).stdout).toContain(`sync told: ${untold}`);
      }
      expect((await stage.run(["sync", "history", "told"])).stdout).toMatch(
        / finished, 1 rejected; failure not told: /,
      );
      hookStatus = 204;
      await said(/sync told: failure told/, 2);
      await stage.drop("told.csv", tracesCsv(["told-2", "told-3"]));
      await said(/sync told: recovery told/, 2);
      expect(told().filter((type, nth) => type !== told()[nth - 1])).toEqual([
        "traceload.failure",
        "traceload.recovery",
        "traceload.failure",
        "traceload.recovery",
      ]);
      expect((await stage.run(["doctor"])).stdout).toMatch(/^ok +syncs /m);
      for (const { headers, body } of receiver.received) {
        expect(isFromTraceload(headers, body, SECRET)).toBe(true);
        expect(body).not.toMatch(/hush|whsec/);
      }
      await remove("told");
    },
  );

  step("a server is asked for windows that meet, with what the environment holds", async () => {
    const written: { trace_id: string; at: string }[] = [];
    const asked: { since: string; until: string; token: string | undefined }[] = [];
    const server = createServer((request, response) => {
      if (request.method === "GET") {
        response.end(tracesCsv(["whole-1", "whole-2"]));
        return;
      }
      void request.toArray().then((chunks) => {
        const { since, until: end } = JSON.parse(
          Buffer.concat(chunks as Buffer[]).toString(),
        ) as (typeof asked)[0];
        asked.push({ since, until: end, token: request.headers.authorization });
        const found = written.filter(({ at }) => at >= since && at < end);
        response.writeHead(200, { "content-type": "application/x-ndjson" });
        response.end(found.map((row) => `${JSON.stringify(row)}\n`).join(""));
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    scene.atEnd(async () => void server.close());
    await scene.write("window.json", '{"since": "{{since}}", "until": "{{until}}"}');
    const from = `from: http://127.0.0.1:${(server.address() as AddressInfo).port}/search`;
    const asking = `body-file: window.json\n    header: "Authorization: Bearer \${TOKEN}"`;
    await stage.apply(
      `syncs:\n  asked:\n    ${from}\n    ${asking}\n    dataset-group: 46\n    schedule: { cron: "* * * * * *" }\n`,
    );
    for (const trace of names("asked", 4)) {
      written.push({ trace_id: trace, at: new Date().toISOString() });
      await worker.until(async () => (await stage.applied()).has(trace));
    }
    await remove("asked");
    await expectOnce(names("asked", 4));
    expect(asked[0]?.since).toBe("1970-01-01T00:00:00.000Z");
    expect(asked.slice(1).map(({ since }) => since)).toEqual(asked.slice(0, -1).map((one) => one.until));
    expect(new Set(asked.map(({ token }) => token))).toEqual(new Set([`Bearer ${TOKEN}`]));

    // One that asks for no window is given everything, and none can be named.
    await stage.apply(`syncs:\n  whole: { ${from.replace("/search", "/all.csv")}, dataset-group: 47 }\n`);
    const named = await stage.run(["sync", "run", "whole", "--since", "24h"]);
    expect([named.code, named.stderr]).toEqual([
      64,
      expect.stringContaining("nothing that is asked uses it"),
    ]);
    expect((await stage.run(["sync", "run", "whole", "--detach"])).code).toBe(4);
    await said(/sync whole: run \S+ finished/);
    await expectOnce(["whole-1", "whole-2"]);
  });

  step("and the worker, told to stop, ends well", async () => {
    await worker.kill("SIGTERM");
    expect(await worker.ended).toMatchObject({ code: 0 });
    expect(worker.stderr()).not.toContain(TOKEN);
  });
});

/** A sync of the file that has its name. */
function sync(name: string, group: number, schedule: string, more: string): string {
  return `syncs:\n  ${name}:\n    files: exports/${name}*.csv\n    dataset-group: ${group}\n    rate: unlimited\n    schedule: { ${schedule} }\n    ${more}\n`;
}
