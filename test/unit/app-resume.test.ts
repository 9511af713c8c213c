/** Taking a run up that had stopped: which runs, what is sent once more, and what never is. */
import { describe, expect, test } from "vitest";
import { heldByContent, heldByNumber } from "../../src/app/held-rows.ts";
import { conductRun, type RunEnd } from "../../src/app/import-run.ts";
import type { HeldRows } from "../../src/app/producer.ts";
import { findEarlier, findResumable, takeUpRun } from "../../src/app/resume.ts";
import { haltRun, theActiveRun } from "../../src/app/halt-run.ts";
import type { OpenedSources, SourceRow } from "../../src/core/source.ts";
import type { Run, Store } from "../../src/core/store.ts";
import { aHolder, LONG_MS } from "../support/store-fixtures.ts";
import { type ImportScene, importScene, PERSON } from "../support/import-scene.ts";
import { scriptedSources, sourceRow, sourceRows } from "../support/scripted-sources.ts";

const NEVER = new AbortController().signal;

function partsOf({ store, queues, presence, clock, startRunWorker, faults }: ImportScene) {
  const onFault = (error: unknown) => faults.push(error);
  return { store, queues, presence, clock, startRunWorker, person: PERSON, onFault };
}

interface CarryOn {
  sources?: OpenedSources;
  held?: (store: Store, run: Run) => HeldRows;
  highWaterRows?: number;
  maxErrors?: { rows: number; percent: undefined };
}

async function carryOn(scene: ImportScene, request: CarryOn = {}): Promise<RunEnd> {
  const { sources, held = heldByNumber, highWaterRows = 10_000, maxErrors } = request;
  const run = await takeUpRun(partsOf(scene), "run-1", NEVER);
  const carriedOn = { counts: run.counts, held: held(scene.store, run) };
  const work = { run, sources, carriedOn, detach: false, highWaterRows, maxErrors };
  return conductRun(partsOf(scene), work, NEVER, () => undefined);
}

/** A run that Ctrl-C stopped after about so many of its rows. */
async function interrupted(batches: readonly SourceRow[][], afterRows: number): Promise<ImportScene> {
  const scene = await importScene();
  const ended = scene.start(scriptedSources(batches), { highWaterRows: 20 });
  await scene.clock.advanceWhile(() => scene.api.sent.length < afterRows);
  scene.interrupt.abort(new Error("received SIGINT"));
  const run = await scene.clock.advanceUntil(ended);
  expect(run.state).toBe("interrupted");
  return scene;
}

const sentTwice = (scene: ImportScene) => {
  const traces = scene.api.sent.map((row) => row.traceId);
  return traces.length - new Set(traces).size;
};

describe("a run that is taken up", () => {
  test("whose source was read to its end needs it no more, and sends the rest once", async () => {
    const scene = await interrupted([sourceRows(60)], 20);
    // The last batch was stored in full, but not the end of the source: say that it was.
    await scene.store.changeRun("run-1", { sourceComplete: true });
    const { run } = await scene.clock.advanceUntil(carryOn(scene));
    expect(run).toMatchObject({ state: "finished", halt: undefined, counts: { added: 60, unprocessed: 0 } });
    expect(sentTwice(scene)).toBe(0);
    expect([scene.queues.openQueues(), scene.queues.openWorkers()]).toEqual([0, 0]);
  });

  test("whose source was not reads it again, and passes over the rows that it holds", async () => {
    const batches = [sourceRows(40), sourceRows(40, 41), sourceRows(40, 81)];
    const scene = await interrupted(batches, 20);
    expect(Object.values(await scene.counts()).reduce((sum, count) => sum + count, 0)).toBeLessThan(120);
    const { run } = await scene.clock.advanceUntil(carryOn(scene, { sources: scriptedSources(batches) }));
    expect(run).toMatchObject({ state: "finished", sourceComplete: true, counts: { added: 120 } });
    expect(sentTwice(scene)).toBe(0);
    const rows = await scene.store.readRows("run-1", { fromRow: 1, limit: 200 });
    expect(rows.map(({ row, line }) => row === line)).not.toContain(false);
  });

  test("never has more rows waiting than it may", async () => {
    const scene = await interrupted([sourceRows(500)], 10);
    await scene.store.changeRun("run-1", { sourceComplete: true });
    let most = 0;
    const ended = carryOn(scene, { highWaterRows: 30 });
    for (let turn = 0; turn < 100; turn += 1) {
      await scene.clock.advance(100);
      most = Math.max(most, scene.queues.waiting("run-1").length);
    }
    const { run } = await scene.clock.advanceUntil(ended);
    expect(run.counts.added).toBe(500);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(30);
  });

  test("stops with source_changed where a row is another one than before, and has sent nothing of it", async () => {
    const scene = await interrupted([sourceRows(40), sourceRows(40, 41)], 10);
    const changed = [[sourceRow(1, { traceId: "new" }), ...sourceRows(39)], sourceRows(40, 41)];
    const { run, fault } = await scene.clock.advanceUntil(
      carryOn(scene, { sources: scriptedSources(changed) }),
    );
    expect(fault?.code).toBe("source_changed");
    expect(fault?.message).toContain('row 1 was trace "trace-1"');
    expect(run).toMatchObject({ state: "stopped", halt: { code: "source_changed" } });
    expect(scene.api.sent.map((row) => row.traceId)).not.toContain("new");
  });

  test("goes by content when a changed source is accepted: what is new comes behind, nothing comes twice", async () => {
    const scene = await interrupted([sourceRows(40), sourceRows(40, 41)], 10);
    const held = rowsHeld(await scene.counts());
    const fresh = [
      sourceRow(1, { traceId: "new" }),
      sourceRow(2, { traceId: "", invalid: { code: "x", message: "y" } }),
    ];
    const changed = [[...fresh, ...sourceRows(40)], sourceRows(40, 41)];
    const { run } = await scene.clock.advanceUntil(
      carryOn(scene, { sources: scriptedSources(changed), held: heldByContent }),
    );
    expect(run).toMatchObject({ state: "finished", counts: { added: 81, invalid: 1, duplicate: 0 } });
    expect(sentTwice(scene)).toBe(0);
    const rows = await scene.store.readRows("run-1", { fromRow: held + 1, limit: 1 });
    expect(rows[0]?.traceId).toBe("new");
  });

  test("looks only at what goes wrong from then on: too many errors of before do not stop it at once", async () => {
    const scene = await importScene();
    const bad = [1, 2, 3, 4].map((line) => sourceRow(line, { invalid: { code: "x", message: "y" } }));
    const batches = [[...bad, ...sourceRows(10, 5)]];
    const limit = { rows: 3, percent: undefined };
    const stopped = await scene.clock.advanceUntil(
      scene.start(scriptedSources(batches), { maxErrors: limit }),
    );
    expect(stopped).toMatchObject({ state: "stopped", halt: { code: "too_many_errors" } });
    const { run } = await scene.clock.advanceUntil(
      carryOn(scene, { maxErrors: limit, sources: scriptedSources(batches) }),
    );
    expect(run).toMatchObject({ state: "finished", halt: undefined, counts: { added: 10, invalid: 4 } });
  });

  test("is left to the one who is faster", async () => {
    const scene = await interrupted([sourceRows(40)], 10);
    const other = await scene.store.openLease(aHolder(), LONG_MS);
    const elsewhere = takeUpRun({ ...partsOf(scene), presence: { owner: () => other } }, "run-1", NEVER);
    await scene.clock.advanceUntil(elsewhere);
    await expect(scene.clock.advanceUntil(carryOn(scene))).rejects.toMatchObject({ code: "run_state" });
  });

  test("is given up by a process whose lease was lost, once another one has taken it up", async () => {
    const scene = await importScene();
    scene.slots.open = false;
    const ended = scene.start(scriptedSources([sourceRows(40)]));
    ended.catch(() => undefined);
    await scene.clock.advance(1_000);
    const other = await scene.store.openLease(aHolder(), LONG_MS);
    await scene.store.changeRun("run-1", { owner: other });
    await expect(scene.clock.advanceUntil(ended)).rejects.toMatchObject({ code: "run_state" });
    expect((await scene.store.getRun("run-1"))?.owner).toBe(other);
    expect(scene.queues.openWorkers()).toBe(0);
  });
});

function rowsHeld(counts: Record<string, number>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

describe("the run that is meant", () => {
  test("is the newest that can be carried on, but for cancelled ones; a cancelled one when it is named", async () => {
    const { store, presence } = await importScene();
    const create = (runId: string) =>
      store.createRun({
        runId,
        fingerprint: runId.slice(0, 1).repeat(64),
        origin: "o",
        sources: [],
        options: {},
        owner: presence.owner(),
      });
    for (const runId of ["a1", "a2", "b1", "b2", "c1"]) await create(runId);
    await expect(findResumable(store, undefined)).rejects.toMatchObject({ code: "run_not_found" });
    await store.changeRun("a1", { state: "paused" });
    await store.changeRun("a2", { state: "cancelled" });
    expect((await findResumable(store, undefined)).runId).toBe("a1");
    expect((await findResumable(store, "a2")).runId).toBe("a2");
    await store.changeRun("b1", { state: "stopped" });
    await store.changeRun("b2", { state: "finished" });
    expect((await findResumable(store, "latest")).runId).toBe("b1");
    await expect(findResumable(store, "b2")).rejects.toMatchObject({ code: "run_state" });
    await expect(findResumable(store, "c1")).rejects.toMatchObject({ code: "run_state" });
    await expect(findResumable(store, "d")).rejects.toMatchObject({ code: "run_not_found" });

    // An import looks at the newest of its rows only: what came after an interrupted run has done its work.
    expect(await findEarlier(store, "a".repeat(64))).toBeUndefined();
    expect(await findEarlier(store, "b".repeat(64))).toBeUndefined();
    expect(await findEarlier(store, "c".repeat(64))).toBeUndefined();
    await store.endLease(presence.owner());
    expect((await findEarlier(store, "c".repeat(64)))?.runId).toBe("c1");
    expect((await findResumable(store, undefined)).runId).toBe("c1");
  });
});

describe("a run that is told to stop", () => {
  test("is wound down by the one who says so when nobody conducts it", async () => {
    const scene = await importScene();
    const run = await scene.clock.advanceUntil(
      scene.start(scriptedSources([sourceRows(20)]), { detach: true }),
    );
    const halted = await scene.clock.advanceUntil(haltRun(partsOf(scene), { run, state: "paused" }, NEVER));
    expect(halted).toMatchObject({ state: "paused", counts: { queued: 0, unprocessed: 20 } });
    expect(halted.finishedAt).toBeDefined();
    expect(scene.queues.waiting("run-1")).toEqual([]);
    const again = haltRun(partsOf(scene), { run: halted, state: "cancelled" }, NEVER);
    expect(await scene.clock.advanceUntil(again)).toMatchObject({ state: "cancelled" });
    const paused = haltRun(partsOf(scene), { run: halted, state: "paused" }, NEVER);
    await expect(scene.clock.advanceUntil(paused)).rejects.toMatchObject({ code: "run_state" });
  });

  test("is ended by the process that conducts it", async () => {
    const scene = await importScene();
    scene.slots.open = false;
    const ended = scene.start(scriptedSources([sourceRows(20)]));
    await scene.clock.advance(1_000);
    const run = theActiveRun(await scene.store.listRuns());
    const halting = haltRun(partsOf(scene), { run, state: "paused" }, NEVER);
    expect(await scene.clock.advanceUntil(ended)).toMatchObject({
      state: "paused",
      counts: { unprocessed: 20 },
    });
    expect((await scene.clock.advanceUntil(halting)).finishedAt).toBeDefined();
    expect(() => theActiveRun([])).toThrow("no run of this store is going on");
    expect(() => theActiveRun([run, run])).toThrow("2 runs are going on");
  });
});
