/** `import --force`: what earlier runs added is sent once more, by choice; what is in doubt, or the run's own, is not. */
import { describe, expect, test } from "vitest";
import { loadSettings } from "../../config/load.ts";
import { dryRun } from "../../src/app/dry-run.ts";
import { RowsKept } from "../../src/report/kept-rows.ts";
import { DistinctNotes } from "../../src/sources/distinct.ts";
import { countAddedBefore, isForced, produceForced, refuseSecond } from "../../src/app/forced-rows.ts";
import { heldByNumber } from "../../src/app/held-rows.ts";
import { conductRun, type ImportParts } from "../../src/app/import-run.ts";
import { HELD } from "../../src/app/producer.ts";
import { takeUpRun } from "../../src/app/resume.ts";
import { parseRunOptions } from "../../src/app/run-options.ts";
import { forceQuestion } from "../../src/cli/force-question.ts";
import { groupKey, rowKey } from "../../src/core/row.ts";
import type { LedgerEntry, Store } from "../../src/core/store.ts";
import { FORCED_WARNING } from "../../src/core/warnings.ts";
import { earlierRun, newRun } from "../../src/wire.ts";
import { type ImportScene, importScene, ORIGIN, PERSON, RUN_OPTIONS } from "../support/import-scene.ts";
import { added, answered } from "../support/scripted-api.ts";
import { scriptedSources, sourceRow, sourceRows } from "../support/scripted-sources.ts";
import { facts, LONG_MS, newToken, UNKNOWN } from "../support/store-fixtures.ts";

const NEVER = new AbortController().signal;
const GROUP = groupKey(ORIGIN, 42);
const FORCED = { options: { ...RUN_OPTIONS, force: true }, fingerprint: "e".repeat(64) };

const keyOf = (traceId: string) => rowKey(ORIGIN, { datasetGroupId: 42, traceId, spanId: undefined });
const sentTimes = ({ api }: ImportScene, trace: string) =>
  api.sent.filter(({ traceId }) => traceId === trace).length;

/** Rows 1 to `count` were added by a run before. */
async function addedScene(count: number, wrap?: (store: Store) => Partial<Store>): Promise<ImportScene> {
  const scene = await importScene(wrap === undefined ? {} : { store: wrap });
  const run = await scene.clock.advanceUntil(
    scene.start(scriptedSources([sourceRows(count)]), { run: { runId: "before" } }),
  );
  expect(run.counts.added).toBe(count);
  return scene;
}

function partsOf({ store, queues, presence, clock, startRunWorker, faults }: ImportScene): ImportParts {
  const onFault = (error: unknown) => faults.push(error);
  return { store, queues, presence, clock, startRunWorker, person: PERSON, onFault };
}

/** What the producer of a forced run needs, without the rest of the run. */
async function producing(scene: ImportScene, runId: string, batches = [sourceRows(40)]) {
  const { store, queues, presence, clock } = scene;
  const found = await store.getRun(runId);
  const beside = { runId, origin: ORIGIN, sources: ["rows.csv"], owner: presence.owner() };
  const run = found ?? (await store.createRun({ ...FORCED, ...beside }));
  const sources = scriptedSources(batches);
  const onFault = (error: unknown) => scene.faults.push(error);
  const queue = queues.runQueue(runId);
  const reading = { store, queue, clock, runId, origin: ORIGIN, sources, highWaterRows: 1_000, onFault };
  return { reading, forcing: { store, run, by: PERSON } };
}

describe("a forced import", () => {
  test("sends what earlier runs added once more, says who decided so, and tells how many", async () => {
    const scene = await addedScene(40);
    const ended = scene.start(scriptedSources([sourceRows(60)]), { run: FORCED });
    const run = await scene.clock.advanceUntil(ended);
    expect(run).toMatchObject({ state: "finished", counts: { added: 60, duplicate: 0 } });
    expect(run.warnings).toEqual([
      FORCED_WARNING,
      "40 of rows 1 to 60 had been added before, and are sent once more (--force)",
    ]);
    expect([sentTimes(scene, "trace-1"), sentTimes(scene, "trace-41")]).toEqual([2, 1]);
    expect(await scene.store.readNotes(keyOf("trace-1"))).toMatchObject([
      { by: PERSON, decision: "absent", why: "import --force, run run-1" },
    ]);
    expect(await scene.store.readNotes(keyOf("trace-41"))).toEqual([]);
    // What is in doubt from here on is held, since the draft's count cannot tell it any more.
    expect((await scene.store.getGroup(GROUP)).resent).toBe(40);
  });

  test("without such rows is as any other, and warns of nothing", async () => {
    const scene = await importScene();
    const run = await scene.clock.advanceUntil(
      scene.start(scriptedSources([sourceRows(5)]), { run: FORCED }),
    );
    expect(run).toMatchObject({ counts: { added: 5 }, warnings: [] });
  });

  test("sends a row once though it comes twice, in one batch or in two", async () => {
    const scene = await addedScene(2);
    const twice = [sourceRow(1), sourceRow(2, { traceId: "trace-1" }), sourceRow(3, { traceId: "trace-2" })];
    // Time for the first ones to be sent, so that the ledger has them from this very run.
    const wait = async (batch: number) => (batch === 1 ? scene.clock.sleep(5_000) : undefined);
    const sources = scriptedSources([twice, [sourceRow(4, { traceId: "trace-2" })]], wait);
    const run = await scene.clock.advanceUntil(scene.start(sources, { run: FORCED }));
    expect(run.counts).toMatchObject({ added: 2, duplicate: 2 });
    expect([sentTimes(scene, "trace-1"), sentTimes(scene, "trace-2")]).toEqual([2, 2]);
    expect(run.warnings[1]).toContain("2 of rows 1 to 4 ");
  });

  test("leaves rows held that are unknown", async () => {
    const scene = await importScene();
    scene.api.onAddTrace = ({ traceId }) =>
      traceId === "trace-2" ? answered(500, {}) : added({ spanId: undefined });
    await scene.clock.advanceUntil(
      scene.start(scriptedSources([sourceRows(3)]), { run: { runId: "before" } }),
    );
    const run = await scene.clock.advanceUntil(
      scene.start(scriptedSources([sourceRows(3)]), { run: FORCED }),
    );
    expect(run.counts).toMatchObject({ added: 2, unknown: 1 });
    expect(sentTimes(scene, "trace-2")).toBe(1);
    const [, held] = await scene.store.readRows("run-1", { fromRow: 1, limit: 3 });
    expect(held).toMatchObject({ status: "unknown", errorCode: HELD });
  });

  test("leaves a row held whose entry another run has put in doubt between the look and the decision", async () => {
    const scene = await addedScene(1);
    const { store, presence } = scene;
    const { runId } = await store.createRun({
      ...FORCED,
      runId: "other",
      origin: ORIGIN,
      sources: [],
      owner: presence.owner(),
    });
    const key = keyOf("trace-1");
    let looks = 0;
    const lookup: Store["lookup"] = async (keys): Promise<LedgerEntry[]> => {
      looks += 1;
      if (looks === 2) {
        const why = "by the other";
        await store.decide({
          key,
          group: GROUP,
          decision: "absent",
          draftDatasetId: undefined,
          by: why,
          why,
        });
        const claim = { key, group: GROUP, runId, row: 1, token: newToken() };
        await store.claim({ ...claim, owner: presence.owner(), holdMs: LONG_MS, limiter: "key" });
        await store.settle({ ...claim, settlement: UNKNOWN, facts: facts() });
      }
      return store.lookup(keys);
    };
    const { reading, forcing } = await producing(scene, "run-1", [sourceRows(1)]);
    await produceForced(
      { ...reading, store: { ...store, lookup } },
      { ...forcing, store: { ...store, lookup } },
      NEVER,
    );
    expect(await store.readRows("run-1", { fromRow: 1, limit: 1 })).toMatchObject([{ status: "unknown" }]);
    expect(await store.lookup([key])).toMatchObject([{ state: "unknown" }]);
    expect(scene.queues.waiting("run-1")).toEqual([]);
  });
});

describe("a forced import that is carried on", () => {
  test("does not send again what it has added itself, and forces the rest", async () => {
    const scene = await addedScene(60);
    const before = scene.api.sent.length;
    const batches = [sourceRows(20), sourceRows(20, 21), sourceRows(20, 41)];
    const ended = scene.start(scriptedSources(batches), { run: FORCED, highWaterRows: 10 });
    await scene.clock.advanceWhile(() => scene.api.sent.length < before + 15);
    scene.interrupt.abort(new Error("received SIGINT"));
    expect((await scene.clock.advanceUntil(ended)).state).toBe("interrupted");

    const run = await scene.clock.advanceUntil(takeUpRun(partsOf(scene), "run-1", NEVER));
    const carriedOn = { counts: run.counts, held: heldByNumber(scene.store, run) };
    const sources = scriptedSources(batches);
    const work = { run, sources, carriedOn, detach: false, highWaterRows: 1_000, maxErrors: undefined };
    const end = await scene.clock.advanceUntil(conductRun(partsOf(scene), work, NEVER, () => undefined));
    expect(end.run).toMatchObject({ state: "finished", counts: { added: 60, duplicate: 0 } });
    for (const { traceId } of sourceRows(60)) expect(sentTimes(scene, traceId)).toBe(2);
    const told = end.run.warnings.flatMap((warning) => /^(\d+) of rows/.exec(warning)?.[1] ?? []);
    expect(told.length).toBe(2);
    expect(told.reduce((sum, count) => sum + Number(count), 0)).toBe(60);
  });

  test("sends a row that was decided and not stored when its process died, once", async () => {
    const scene = await addedScene(40);
    const { reading, forcing } = await producing(scene, "run-1");
    const killed = new Error("killed");
    const dying = { ...scene.store, putRows: () => Promise.reject(killed) };
    await expect(produceForced({ ...reading, store: dying }, forcing, NEVER)).rejects.toBe(killed);
    expect(await scene.store.lookup([keyOf("trace-1")])).toEqual([]);
    expect(scene.queues.waiting("run-1")).toEqual([]);

    const again = await producing(scene, "run-1");
    expect(await produceForced(again.reading, again.forcing, NEVER)).toBe(40);
    expect(scene.queues.waiting("run-1")).toHaveLength(40);
    expect(await scene.store.readNotes(keyOf("trace-1"))).toHaveLength(1);
  });

  test("is never the run of an import that was not forced, nor the other way round", async () => {
    const scene = await importScene();
    scene.interrupt.abort(new Error("received SIGINT"));
    const facts = [{ name: "rows.csv", sizeBytes: 10, modifiedMs: 1, headHash: "a".repeat(64) }];
    const sources = { ...scriptedSources([sourceRows(5)]), facts };
    const target = { origin: ORIGIN, limiter: "key", ratePerSecond: 10, rateSearch: false };
    const imported = (runId: string, force: boolean) => {
      const flags = force ? { force: "true", rate: "5/s" } : {};
      const { settings } = loadSettings({ flags, environment: {}, configFile: undefined });
      return newRun(settings, target, { runId, sources });
    };
    const earlier = async ({ fingerprint }: ReturnType<typeof imported>) => {
      const reopen = () => Promise.resolve(sources);
      const options = { acceptChanged: false, changed: () => undefined, reopen };
      return (await earlierRun(scene.store, { runId: undefined, fingerprint }, sources, options))?.run.runId;
    };
    const interrupt = (run: ReturnType<typeof imported>) =>
      scene.clock.advanceUntil(scene.start(sources, { run }));
    await interrupt(imported("plain", false));
    expect(await earlier(imported("next", true))).toBeUndefined();
    await interrupt(imported("forced", true));
    expect(await earlier(imported("next", true))).toBe("forced");
    expect(await earlier(imported("next", false))).toBe("plain");
    const options = (await scene.store.getRun("forced"))?.options ?? {};
    expect(isForced(parseRunOptions("forced", options))).toBe(true);
  });

  test("is not begun a second time while it is going on", async () => {
    const scene = await addedScene(3);
    scene.slots.open = false;
    const ended = scene.start(scriptedSources([sourceRows(3)]), { run: FORCED });
    await scene.clock.advance(1_000);
    await expect(refuseSecond(scene.store, FORCED.fingerprint)).rejects.toThrow("run run-1 sends these rows");
    scene.slots.open = true;
    await scene.clock.advanceUntil(ended);
    await expect(refuseSecond(scene.store, FORCED.fingerprint)).resolves.toBeUndefined();
  });
});

test("a rerun of a forced run forces nothing: its rows were chosen, and what was added meanwhile is not among them", () => {
  expect(isForced({ force: true, rerun: undefined })).toBe(true);
  expect(isForced({ force: true, rerun: { statuses: ["failed"] } })).toBe(false);
  expect(isForced({ force: false, rerun: undefined })).toBe(false);
});

test("a dry run with force plans what was added before, and what is held stays unknown", async () => {
  const scene = await importScene();
  scene.api.onAddTrace = ({ traceId }) =>
    traceId === "trace-2" ? answered(500, {}) : added({ spanId: undefined });
  await scene.clock.advanceUntil(scene.start(scriptedSources([sourceRows(3)])));
  const plan = async (force: boolean) => {
    const statuses: string[] = [];
    const sources = scriptedSources([sourceRows(4)]);
    const parts = { notes: new DistinctNotes(), kept: new RowsKept() };
    const dry = await dryRun({ sources, origin: ORIGIN, store: scene.store, force, ...parts }, NEVER);
    for await (const rows of dry.rows()) statuses.push(...rows.map(({ status }) => status));
    return statuses;
  };
  expect(await plan(true)).toEqual(["queued", "unknown", "queued", "queued"]);
  expect(await plan(false)).toEqual(["duplicate", "unknown", "duplicate", "queued"]);
});

test("the question names how many rows there are, those of the run that is carried on left out", async () => {
  const scene = await addedScene(3);
  const seq = (await scene.store.getRun("before"))?.seq;
  const bad = sourceRow(9, { traceId: "", invalid: { code: "x", message: "y" } });
  const count = (ownSeq: number | undefined) => {
    const sources = scriptedSources([[...sourceRows(5), bad]]);
    return countAddedBefore({ store: scene.store, sources, origin: ORIGIN, ownSeq }, NEVER);
  };
  expect([await count(undefined), await count(seq)]).toEqual([3, 0]);
  expect(forceQuestion(["a.csv"], 1)).toContain(
    "1 row of a.csv that was added before will be in the draft twice",
  );
  expect(forceQuestion(["a.csv", "b.csv"], undefined)).toContain(
    "Rows of a.csv, b.csv that were added before",
  );
});
