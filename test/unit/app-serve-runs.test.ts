/** A worker process: which runs it finds, helps with, leaves alone, and ends. */
import { describe, expect, test } from "vitest";
import { makeFinishRun } from "../../jobs/finish-run.ts";
import type { RunWorker } from "../../src/app/import-run.ts";
import { serveRuns } from "../../src/app/serve-runs.ts";
import type { AttemptSignal } from "../../src/core/outcome.ts";
import type { LeaseId, Run } from "../../src/core/store.ts";
import { jobOf } from "../support/sending-scene.ts";
import { importScene, LIMITER, ORIGIN, RUN_OPTIONS, type ImportScene } from "../support/import-scene.ts";
import { added } from "../support/scripted-api.ts";
import { scriptedSources, sourceRows } from "../support/scripted-sources.ts";
import { aHolder, aRun, queuedRow } from "../support/store-fixtures.ts";

function serve(scene: ImportScene, startRunWorker = (run: Run) => scene.startRunWorker(run)) {
  const stop = new AbortController();
  const changes: string[] = [];
  const ended = serveRuns(
    {
      store: scene.store,
      queues: scene.queues,
      clock: scene.clock,
      startRunWorker,
      startControlWorker: (finishStep) =>
        scene.queues.workOnControl(
          { finishRun: makeFinishRun({ finishStep }) },
          { concurrency: 10, lockMs: 60_000, stalledCheckMs: 30_000 },
        ),
      origin: ORIGIN,
      limiter: LIMITER,
      leaseTtlMs: 15_000,
      onFault: (error) => scene.faults.push(error),
      onChange: ({ kind, run }) =>
        changes.push(`${kind} ${run.runId}${kind === "left" ? `, ${run.state}` : ""}`),
    },
    stop.signal,
  );
  return { stop, changes, ended };
}

/** A run of another process, with its rows in the queue. */
async function foreignRun(
  scene: ImportScene,
  change: Partial<Omit<Run, "parent">> & { rows?: number; owner?: LeaseId } = {},
): Promise<Run> {
  const {
    rows = 5,
    owner = await scene.store.openLease(aHolder({ host: "host-b" }), 15_000),
    ...rest
  } = change;
  const run = await scene.store.createRun(aRun(owner, { origin: ORIGIN, options: RUN_OPTIONS, ...rest }));
  const numbers = Array.from({ length: rows }, (_, index) => index + 1);
  await scene.store.putRows(
    run.runId,
    numbers.map((row) => queuedRow(ORIGIN, row, { trace: `trace-${row}` })),
  );
  await scene.queues.runQueue(run.runId).enqueue(numbers.map((row) => jobOf(row)));
  return run;
}

describe("a worker", () => {
  test("finds a run within two seconds, helps, and stops helping when it is over", async () => {
    const scene = await importScene();
    const worker = serve(scene);
    await scene.clock.advance(5_000);
    await scene.clock.advanceUntil(
      scene.start(scriptedSources([sourceRows(20)]), {
        startRunWorker: async () => ({ stop: async () => undefined }),
      }),
    );
    expect(scene.api.sent).toHaveLength(20);
    await scene.clock.advance(2_000);
    expect(worker.changes).toEqual(["started run-1", "left run-1, finished"]);
    expect(scene.queues.openWorkers()).toBe(0);
    worker.stop.abort();
    await scene.clock.advanceUntil(worker.ended);
  });

  test("leaves runs of other APIs and keys alone, and says so once", async () => {
    const scene = await importScene();
    const { runId: elsewhere } = await foreignRun(scene, { origin: "https://other.test" });
    const { runId: otherKey } = await foreignRun(scene, { options: { ...RUN_OPTIONS, limiter: "other" } });
    const worker = serve(scene);
    await scene.clock.advance(5_000);
    expect(worker.changes.toSorted()).toEqual([`foreign ${elsewhere}`, `foreign ${otherKey}`].toSorted());
    expect(scene.api.sent).toEqual([]);
    worker.stop.abort();
    await scene.clock.advanceUntil(worker.ended);
  });

  test("serves the others beside a run of a version it does not understand", async () => {
    const scene = await importScene();
    const good = await foreignRun(scene);
    const odd = await foreignRun(scene, { options: { limiter: LIMITER, timeoutMs: "soon" } });
    const worker = serve(scene);
    await scene.clock.advance(3_000);
    expect(worker.changes.toSorted()).toEqual([`foreign ${odd.runId}`, `started ${good.runId}`].toSorted());
    expect(await scene.counts(good.runId)).toMatchObject({ added: 5 });
    worker.stop.abort();
    await scene.clock.advanceUntil(worker.ended);
  });

  test("serves the others beside a run whose worker cannot be started, and tries that one again", async () => {
    const scene = await importScene();
    const bad = await foreignRun(scene);
    const good = await foreignRun(scene);
    let failures = 0;
    const worker = serve(scene, async (run): Promise<RunWorker> => {
      if (run.runId === bad.runId && failures < 2) {
        failures += 1;
        throw new Error("not now");
      }
      return scene.startRunWorker(run);
    });
    await scene.clock.advance(500);
    expect(worker.changes).toEqual([`started ${good.runId}`]);
    await scene.clock.advance(3_000);
    expect(worker.changes).toEqual([`started ${good.runId}`, `started ${bad.runId}`]);
    worker.stop.abort();
    await scene.clock.advanceUntil(worker.ended);
  });

  test("finds the next run while a slow request of the last one is still awaited", async () => {
    const scene = await importScene();
    const slow = await foreignRun(scene, { rows: 1 });
    const answers: ((signal: AttemptSignal) => void)[] = [];
    scene.api.onAddTrace = () => new Promise((resolve) => answers.push(resolve));
    const worker = serve(scene);
    await scene.clock.advanceWhile(() => answers.length === 0);
    await scene.store.changeRun(slow.runId, { state: "interrupted" });
    await scene.clock.advance(1_500);
    const next = await foreignRun(scene, { rows: 1 });
    await scene.clock.advance(2_000);
    expect(worker.changes).toEqual([`started ${slow.runId}`, `started ${next.runId}`]);
    for (const answer of answers) answer(added({ spanId: undefined }));
    await scene.clock.advance(100);
    expect(worker.changes.at(-1)).toBe(`left ${slow.runId}, interrupted`);
    expect(await scene.counts(slow.runId)).toMatchObject({ added: 1 });
    worker.stop.abort();
    for (const answer of answers) answer(added({ spanId: undefined }));
    await scene.clock.advanceUntil(worker.ended);
  });

  test("goes on looking when the store or the queue failed", async () => {
    const scene = await importScene();
    const worker = serve(scene);
    const run = await foreignRun(scene, { rows: 0 });
    scene.queues.failure = new Error("Stream isn't writeable");
    await scene.store.changeRun(run.runId, { owner: null, state: "draining", sourceComplete: true });
    await scene.clock.advance(3_000);
    expect(scene.faults.length).toBeGreaterThan(0);
    scene.queues.failure = undefined;
    await scene.clock.advance(3_000);
    expect(await scene.store.getRun(run.runId)).toMatchObject({ state: "finished" });
    worker.stop.abort();
    await scene.clock.advanceUntil(worker.ended);
  });

  test("that is told to stop puts rows back and awaits those in flight", async () => {
    const scene = await importScene();
    const run = await foreignRun(scene, { rows: 10 });
    const answers: ((signal: AttemptSignal) => void)[] = [];
    scene.api.onAddTrace = () => new Promise((resolve) => answers.push(resolve));
    const worker = serve(scene);
    await scene.clock.advanceWhile(() => answers.length < 4);
    worker.stop.abort();
    await scene.clock.advance(1_000);
    for (const answer of answers) answer(added({ spanId: undefined }));
    await scene.clock.advanceUntil(worker.ended);
    expect(await scene.counts(run.runId)).toMatchObject({ added: 4, queued: 6 });
    expect(scene.queues.waiting(run.runId)).toHaveLength(6);
    expect(scene.queues.openWorkers()).toBe(0);
  });
});

describe("a run without its importer", () => {
  test("that was handed over is finished by the workers", async () => {
    const scene = await importScene();
    await scene.clock.advanceUntil(scene.start(scriptedSources([sourceRows(20)]), { detach: true }));
    const worker = serve(scene);
    await scene.clock.advance(6_000);
    expect(await scene.store.getRun("run-1")).toMatchObject({ state: "finished", counts: { added: 20 } });
    expect([...scene.queues.finishRequests]).toEqual([]);
    worker.stop.abort();
    await scene.clock.advanceUntil(worker.ended);
    expect(scene.queues.openQueues()).toBe(0);
  });

  test("that was being read is interrupted once its owner has been gone for the lease time", async () => {
    const scene = await importScene();
    scene.slots.open = false;
    const owner = await scene.store.openLease(aHolder({ host: "host-b" }), 1_000);
    const run = await foreignRun(scene, { owner });
    const worker = serve(scene);
    await scene.clock.advance(14_000);
    expect(await scene.store.getRun(run.runId)).toMatchObject({ state: "reading" });
    await scene.clock.advance(4_000);
    expect(await scene.store.getRun(run.runId)).toMatchObject({
      state: "interrupted",
      counts: { unprocessed: 5, queued: 0 },
    });
    worker.stop.abort();
    await scene.clock.advanceUntil(worker.ended);
  });

  test("is left to an importer that came back with a new lease in time", async () => {
    const scene = await importScene();
    scene.slots.open = false;
    const owner = await scene.store.openLease(aHolder({ host: "host-b" }), 1_000);
    const run = await foreignRun(scene, { owner });
    const worker = serve(scene);
    await scene.clock.advance(10_000);
    const again = await scene.store.openLease(aHolder({ host: "host-b" }), 600_000);
    await scene.store.changeRun(run.runId, { owner: again });
    await scene.clock.advance(30_000);
    expect(await scene.store.getRun(run.runId)).toMatchObject({ state: "reading" });
    worker.stop.abort();
    await scene.clock.advanceUntil(worker.ended);
  });

  test("that another process has taken up since is not ended by the worker that was asked to", async () => {
    const scene = await importScene();
    scene.slots.open = false;
    await scene.clock.advanceUntil(scene.start(scriptedSources([sourceRows(3)]), { detach: true }));
    const worker = serve(scene);
    await scene.clock.advance(3_000);
    const owner = await scene.store.openLease(aHolder({ host: "host-b" }), 600_000);
    await scene.store.changeRun("run-1", { owner });
    // Its rows are lost with the queue: to queue them anew is its new owner's.
    scene.queues.loseJobs("run-1");
    await scene.clock.advance(30_000);
    expect(scene.queues.waiting("run-1")).toEqual([]);
    expect([...scene.queues.finishRequests]).toEqual([]);
    expect(scene.queues.openQueues()).toBe(0);
    worker.stop.abort();
    await scene.clock.advanceUntil(worker.ended);
  });

  test("that another worker ended leaves no finisher open here", async () => {
    const scene = await importScene();
    scene.slots.open = false;
    await scene.clock.advanceUntil(scene.start(scriptedSources([sourceRows(3)]), { detach: true }));
    const worker = serve(scene);
    await scene.clock.advance(3_000);
    expect(scene.queues.openQueues()).toBe(1);
    // The job that asked for the end went to another process, which has done it.
    scene.queues.finishRequests.clear();
    await scene.store.changeRun("run-1", { state: "cancelled", finished: true });
    await scene.clock.advance(3_000);
    expect(scene.queues.openQueues()).toBe(0);
    worker.stop.abort();
    await scene.clock.advanceUntil(worker.ended);
  });
});
