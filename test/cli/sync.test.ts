/** `traceload sync` on the embedded store, in one process after the other. */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { openSyncStage, overlaps, ticksWithoutRecord, tracesCsv } from "../fault/sync-stage.ts";
import { openScene } from "../support/scene.ts";

test("a sync that was not applied is taken from the file, run here, and reads what is new", async () => {
  const scene = await openScene("sync-cli");
  await scene.write(
    "traceload.yaml",
    "syncs:\n  exports:\n    files: exports/*.csv\n    dataset-group: 42\n    schedule: { cron: '0 2 * * *' }\n",
  );
  await mkdir(path.join(scene.directory, "exports"));
  await scene.write("exports/a.csv", "trace_id\nt1\nt2\n");

  const first = await scene.run(["sync", "run", "exports", "--sandbox", "--json"]);
  expect(first.stderr).toContain("sync exports was not applied yet: taken from the file, and not scheduled");
  expect(JSON.parse(first.stdout)).toMatchObject({ state: "finished", counts: { read: 2, added: 2 } });
  expect(first.code).toBe(0);

  await scene.write("exports/b.csv", "trace_id\nt2\nt3\n");
  const second = await scene.run(["sync", "run", "exports", "--sandbox", "--json"]);
  expect(JSON.parse(second.stdout)).toMatchObject({ counts: { read: 2, added: 1, duplicate: 1 } });
  const third = await scene.run(["sync", "run", "exports", "--sandbox"]);
  expect(third).toMatchObject({ code: 0, stdout: "sync exports: nothing new\n" });

  const history = await scene.run(["sync", "history", "exports", "--json"]);
  const { ticks } = JSON.parse(history.stdout) as { ticks: { kind: string; result: string }[] };
  expect(ticks.map(({ kind, result }) => `${kind} ${result}`)).toEqual([
    "manual empty",
    "manual finished",
    "manual finished",
  ]);
  const missing = await scene.run(["sync", "run", "nope", "--sandbox"]);
  expect(missing).toMatchObject({ code: 3 });
  expect(missing.stderr).toContain('there is no sync "nope"');
}, 120_000);

test("a worker on the embedded store runs what was applied before, and queues a tick behind the run", async () => {
  const syncs =
    "syncs:\n  exports:\n    files: exports/*.csv\n    dataset-group: 42\n    rate: 20/s\n" +
    "    schedule: { cron: '* * * * * *' }\n    overlap: queue-one\n";
  const stage = await openSyncStage({ name: "sync-embedded", redis: undefined, syncs });
  const traces = Array.from({ length: 60 }, (_, row) => `t${row}`);
  await stage.drop("a.csv", tracesCsv(traces));
  expect((await stage.run(["sync", "apply"])).code).toBe(0);
  const worker = stage.startWorker();
  await worker.until(() => /sync exports: run \S+ finished[^]*sync exports: empty/.test(worker.stderr()));
  const locked = await stage.run(["sync", "list"]);
  expect([locked.code, locked.stderr]).toEqual([3, expect.stringContaining("store")]);
  await worker.kill("SIGTERM");
  expect((await worker.ended).code).toBe(0);
  expect([...(await stage.applied()).values()]).toEqual(traces.map(() => 1));
  const ticks = await stage.history("exports");
  const [first, second] = ticks.filter(({ became }) => became === "ran");
  expect(first?.result).toBe("finished");
  expect(second?.due).toBeLessThan(first?.endedAt ?? 0);
  expect(ticksWithoutRecord(ticks, 1_000)).toEqual([]);
  expect(overlaps(ticks)).toEqual([]);
}, 90_000);
