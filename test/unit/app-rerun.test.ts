/** Which rows of a run a rerun takes, and that they stay what they were. */
import { describe, expect, test } from "vitest";
import { heldByOwnNumber } from "../../src/app/held-rows.ts";
import { makeGroupLocks } from "../../src/app/group-locks.ts";
import { conductRun } from "../../src/app/import-run.ts";
import type { RerunSelection } from "../../src/app/reading-options.ts";
import { rowsOfRun, selectRows } from "../../src/app/rerun.ts";
import { takeUpRun } from "../../src/app/resume.ts";
import { rowKey } from "../../src/core/row.ts";
import { type ImportScene, importScene, ORIGIN, PERSON } from "../support/import-scene.ts";
import { answered, added } from "../support/scripted-api.ts";
import { scriptedSources, sourceRows } from "../support/scripted-sources.ts";

const DEFAULT: RerunSelection = { statuses: ["rejected", "failed", "unprocessed"] };

/** Rows 1 to 40: those whose number ends in 3 are refused, in 7 of no known outcome, in 9 there in truth. */
async function parentScene(): Promise<ImportScene> {
  const scene = await importScene();
  scene.api.onAddTrace = ({ traceId }) => {
    if (traceId.endsWith("3")) return answered(404, { success: false, message: "Trace not found" });
    if (traceId.endsWith("7")) return answered(500, {});
    return added({ spanId: undefined });
  };
  const run = await scene.clock.advanceUntil(scene.start(scriptedSources([sourceRows(40)])));
  expect(run.counts).toMatchObject({ added: 32, rejected: 4, unknown: 4 });
  return scene;
}

async function request(scene: ImportScene, selection: RerunSelection, reported?: ReadonlySet<number>) {
  const parent = await scene.store.getRun("run-1");
  if (parent === undefined) throw new Error("there is no parent");
  return { parent, selection, reported, ownSeq: undefined };
}

async function selected(scene: ImportScene, selection: RerunSelection, reported?: ReadonlySet<number>) {
  const rows: number[] = [];
  for await (const page of selectRows(scene.store, await request(scene, selection, reported))) {
    rows.push(...page.map(({ row }) => row));
  }
  return rows;
}

function partsOf({ store, clock, presence }: ImportScene) {
  return { store, clock, locks: makeGroupLocks({ store, clock, owner: () => presence.owner() }) };
}

async function rerun(scene: ImportScene, selection: RerunSelection, runId: string) {
  const sources = rowsOfRun(partsOf(scene), await request(scene, selection));
  return scene.clock.advanceUntil(
    scene.start(sources, { run: { runId, parent: "run-1", fingerprint: "e".repeat(64) } }),
  );
}

describe("a rerun", () => {
  test("takes the rows that did not make it, by status, code, text, number and limit", async () => {
    const scene = await parentScene();
    expect(await selected(scene, DEFAULT)).toEqual([3, 13, 23, 33]);
    expect(await selected(scene, { ...DEFAULT, limit: 3 })).toEqual([3, 13, 23]);
    expect(await selected(scene, { ...DEFAULT, code: "trace_not_found" })).toEqual([3, 13, 23, 33]);
    expect(await selected(scene, { ...DEFAULT, code: "server_error" })).toEqual([]);
    expect(await selected(scene, { ...DEFAULT, match: "NOT found" })).toEqual([3, 13, 23, 33]);
    expect(await selected(scene, { ...DEFAULT, match: "elsewhere" })).toEqual([]);
    expect(await selected(scene, DEFAULT, new Set([1, 13, 17, 33]))).toEqual([13, 33]);
    expect(await selected(scene, { statuses: ["unknown"] })).toEqual([7, 17, 27, 37]);
  });

  test("sends these rows and no other; they keep their numbers, lines and IDs; added ones are not offered again", async () => {
    const scene = await parentScene();
    const before = scene.api.sent.length;
    scene.api.onAddTrace = ({ traceId }) =>
      traceId === "trace-3" ? answered(404, { success: false, message: "no" }) : added({ spanId: undefined });
    const run = await rerun(scene, DEFAULT, "run-2");
    expect(run).toMatchObject({
      state: "finished",
      parent: "run-1",
      sourceComplete: true,
      counts: { added: 3, rejected: 1, queued: 0 },
    });
    expect(scene.api.sent.slice(before).map(({ traceId }) => traceId)).toEqual(
      expect.arrayContaining(["trace-3", "trace-13", "trace-23", "trace-33"]),
    );
    expect(scene.api.sent).toHaveLength(before + 4);
    const rows = await scene.store.readRows("run-2", { fromRow: 1, limit: 100 });
    expect(rows.map(({ row, line, traceId }) => [row, line, traceId])).toEqual(
      [3, 13, 23, 33].map((row) => [row, row, `trace-${row}`]),
    );
    expect(await selected(scene, DEFAULT)).toEqual([3]);
  });

  test("of unknown rows releases them first, when nothing of them can arrive any more; the parent's rows follow", async () => {
    const scene = await parentScene();
    const keys = [7, 17, 27, 37].map((row) =>
      rowKey(ORIGIN, { datasetGroupId: 42, traceId: `trace-${row}`, spanId: undefined }),
    );
    const open = (await scene.store.lookup(keys)).map(({ until }) => until ?? Number.NaN);
    const sentAt: number[] = [];
    scene.api.onAddTrace = () => {
      sentAt.push(scene.clock.now());
      return added({ spanId: undefined });
    };
    const run = await rerun(scene, { statuses: ["unknown"] }, "run-2");
    // A first request that came later would be taken for another row that is in doubt by then.
    expect(Math.min(...sentAt)).toBeGreaterThan(Math.max(...open));
    expect(run).toMatchObject({ state: "finished", counts: { added: 4, unknown: 0 } });
    expect((await scene.store.getRun("run-1"))?.counts).toMatchObject({ unknown: 0, rejected: 4 });
    expect(await selected(scene, { statuses: ["unknown", "unprocessed"] })).toEqual([]);
  });

  test("that was interrupted while it read its parent's rows reads them again, and has none twice", async () => {
    const scene = await parentScene();
    scene.api.onAddTrace = () => added({ spanId: undefined });
    const all = rowsOfRun(partsOf(scene), await request(scene, DEFAULT));
    const ends = scriptedSources([]);
    const halfway = {
      ...ends,
      async *rows(signal: AbortSignal) {
        for await (const batch of all.rows(signal)) {
          yield batch.slice(0, 2);
          await scene.clock.sleep(60_000, signal);
        }
      },
    };
    const ended = scene.start(halfway, {
      run: { runId: "run-2", parent: "run-1", fingerprint: "e".repeat(64) },
    });
    await scene.clock.advance(5_000);
    scene.interrupt.abort(new Error("received SIGINT"));
    expect((await scene.clock.advanceUntil(ended)).counts.added).toBe(2);

    const { store, queues, presence, clock, startRunWorker, faults } = scene;
    const parts = {
      store,
      queues,
      presence,
      clock,
      startRunWorker,
      person: PERSON,
      onFault: (error: unknown) => faults.push(error),
    };
    const never = new AbortController().signal;
    const run = await clock.advanceUntil(takeUpRun(parts, "run-2", never));
    const sources = rowsOfRun(partsOf(scene), { ...(await request(scene, DEFAULT)), ownSeq: run.seq });
    const carriedOn = { counts: run.counts, held: heldByOwnNumber(store, run) };
    const work = { run, sources, carriedOn, detach: false, highWaterRows: 100, maxErrors: undefined };
    const end = await clock.advanceUntil(conductRun(parts, work, never, () => undefined));
    expect(end.fault).toBeUndefined();
    expect(end.run).toMatchObject({ state: "finished", counts: { added: 4 } });
    expect(scene.api.sent.filter(({ traceId }) => traceId === "trace-3")).toHaveLength(2);
  });
});
