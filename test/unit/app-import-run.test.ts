/** The main job: how a run ends, by itself, by a fault, or by a person. */
import { describe, expect, test } from "vitest";
import { TraceloadError } from "../../src/core/errors.ts";
import type { AttemptSignal } from "../../src/core/outcome.ts";
import { rowsRead } from "../../src/core/status.ts";
import { settle } from "../support/fake-clock.ts";
import { importScene } from "../support/import-scene.ts";
import { added, answered } from "../support/scripted-api.ts";
import { scriptedSources, sourcePlan, sourceRow, sourceRows } from "../support/scripted-sources.ts";

const away = () => new Error("Stream isn't writeable");

describe("an import", () => {
  test("ends finished when every row has its result, and leaves neither queue nor worker behind", async () => {
    const scene = await importScene();
    const run = await scene.clock.advanceUntil(
      scene.start(
        scriptedSources([sourceRows(30), [sourceRow(31, { invalid: { code: "x", message: "y" } })]]),
      ),
    );
    expect(run).toMatchObject({ state: "finished", sourceComplete: true, ownerAlive: true });
    expect(run.finishedAt).toBeDefined();
    expect(run.counts).toMatchObject({ added: 30, invalid: 1, queued: 0 });
    expect(scene.api.sent).toHaveLength(30);
    expect(scene.queues.removed).toEqual(["run-1"]);
    expect([scene.queues.openQueues(), scene.queues.openWorkers()]).toEqual([0, 0]);
    await scene.presence.close();
    expect(scene.clock.sleeping()).toBe(0);
  });

  test("keeps what was seen of its sources only when all was read, each warning once", async () => {
    const scene = await importScene();
    let isRead = false;
    const sources = scriptedSources([sourceRows(1)], () => void (isRead = true));
    sources.seen = () => [sourcePlan({ warnings: isRead ? ["it is one page", "it is one page"] : [] })];
    const run = await scene.clock.advanceUntil(scene.start(sources));
    expect(run).toMatchObject({ state: "finished", warnings: ["it is one page"] });
  });

  test("of nothing is finished at once", async () => {
    const scene = await importScene();
    const run = await scene.clock.advanceUntil(scene.start(scriptedSources([])));
    expect(run).toMatchObject({ state: "finished", sourceComplete: true });
  });

  test("whose source turns out to be broken stops with the fault; rows before it that were not sent are unprocessed", async () => {
    const scene = await importScene();
    scene.slots.open = false;
    const sources = scriptedSources([sourceRows(20), sourceRows(5, 21)], (batch) => {
      if (batch === 1) throw new TraceloadError("source_format", "rows.csv: not a CSV");
    });
    const run = await scene.clock.advanceUntil(scene.start(sources));
    expect(run).toMatchObject({
      state: "stopped",
      sourceComplete: false,
      halt: { code: "source_format", message: "rows.csv: not a CSV" },
      counts: { unprocessed: 20, queued: 0 },
    });
    expect(scene.faults).toEqual([]);
  });

  test("whose source fails in a way nobody foresaw stops as a bug, and tells it", async () => {
    const scene = await importScene();
    const sources = scriptedSources([sourceRows(1)], () => {
      throw new RangeError("oh");
    });
    const run = await scene.clock.advanceUntil(scene.start(sources));
    expect(run.halt).toEqual({ code: "bug", message: "oh" });
    expect(scene.faults).toHaveLength(1);
  });

  test("stops when the key is refused: nothing is sent after the requests in flight", async () => {
    const scene = await importScene();
    scene.api.onAddTrace = () => answered(401, { message: "no" });
    const run = await scene.clock.advanceUntil(scene.start(scriptedSources([sourceRows(50)])));
    expect(run).toMatchObject({
      state: "stopped",
      halt: { code: "unauthorized" },
      counts: { unprocessed: 50 },
    });
    expect(scene.api.sent.length).toBeLessThanOrEqual(4);
  });
});

describe("an import that is interrupted", () => {
  test("while it reads leaves no row without a result, though a batch came in at the last moment", async () => {
    let storing: (() => void) | undefined;
    const scene = await importScene({
      store: (store) => ({
        putRows: async (runId, rows) => {
          // The second batch is on its way to the store while the run is wound up.
          if (rows[0]?.row === 21) await new Promise<void>((resolve) => (storing = resolve));
          await store.putRows(runId, rows);
        },
      }),
    });
    scene.slots.open = false;
    const ended = scene.start(scriptedSources([sourceRows(20), sourceRows(20, 21)]));
    await scene.clock.advanceWhile(() => storing === undefined);
    scene.interrupt.abort(new Error("received SIGINT"));
    await scene.clock.advance(2_000);
    storing?.();
    const run = await scene.clock.advanceUntil(ended);
    expect(run).toMatchObject({ state: "interrupted", sourceComplete: false });
    expect(run.counts).toMatchObject({ queued: 0, unprocessed: 40 });
    expect(scene.queues.waiting("run-1")).toEqual([]);
    expect(run.finishedAt).toBeDefined();
    expect(scene.api.sent).toEqual([]);
  });

  test("waits for the requests in flight, and calls only the others unprocessed", async () => {
    const scene = await importScene();
    const answers: ((signal: AttemptSignal) => void)[] = [];
    scene.api.onAddTrace = () => new Promise((resolve) => answers.push(resolve));
    const ended = scene.start(scriptedSources([sourceRows(20)]));
    await scene.clock.advanceWhile(() => answers.length < 4);
    scene.interrupt.abort(new Error("received SIGINT"));
    await scene.clock.advance(10_000);
    expect(await scene.counts()).toMatchObject({ queued: 4, unprocessed: 16 });
    for (const answer of answers) answer(added({ spanId: undefined }));
    const run = await scene.clock.advanceUntil(ended);
    expect(run).toMatchObject({ state: "interrupted", counts: { added: 4, unprocessed: 16, queued: 0 } });
    expect(scene.queues.openWorkers()).toBe(0);
  });

  test("before it began sends nothing", async () => {
    const scene = await importScene();
    scene.interrupt.abort(new Error("received SIGINT"));
    const run = await scene.clock.advanceUntil(scene.start(scriptedSources([sourceRows(20)])));
    expect(run.state).toBe("interrupted");
    expect(rowsRead(run.counts)).toBe(run.counts.unprocessed);
    expect(scene.api.sent).toEqual([]);
  });
});

describe("an import beside trouble", () => {
  test("goes on when the queue's server was away", async () => {
    const scene = await importScene();
    scene.slots.open = false;
    const ended = scene.start(scriptedSources([sourceRows(5)]));
    await scene.clock.advance(1_000);
    scene.queues.failure = away();
    await scene.clock.advance(3_000);
    scene.slots.open = true;
    await scene.clock.advance(3_000);
    scene.queues.failure = undefined;
    const run = await scene.clock.advanceUntil(ended);
    expect(run).toMatchObject({ state: "finished", counts: { added: 5 } });
    expect(scene.queues.removed).toEqual(["run-1"]);
  });

  test("rejects, and nothing else, when the store refuses to take even the stop", async () => {
    const full = new TraceloadError("store_full", "no room");
    const scene = await importScene({
      store: () => ({
        putRows: () => Promise.reject(full),
        changeRun: () => Promise.reject(full),
      }),
    });
    await expect(scene.clock.advanceUntil(scene.start(scriptedSources([sourceRows(5)])))).rejects.toBe(full);
    await settle();
  });

  test("rejects when its worker cannot be closed, without an unhandled rejection before", async () => {
    const scene = await importScene();
    scene.slots.open = false;
    const fault = new Error("close failed");
    const ended = scene.start(scriptedSources([sourceRows(5)]), {
      startRunWorker: async () => ({ stop: () => Promise.reject(fault) }),
    });
    await scene.clock.advance(1_000);
    scene.interrupt.abort(new Error("received SIGINT"));
    await expect(scene.clock.advanceUntil(ended)).rejects.toBe(fault);
  });

  test("says so when its run was removed meanwhile", async () => {
    const scene = await importScene();
    scene.slots.open = false;
    const ended = scene.start(scriptedSources([sourceRows(5)]));
    await scene.clock.advance(1_000);
    await scene.store.changeRun("run-1", { state: "cancelled" });
    await scene.clock.advanceUntil(ended);
    expect(await scene.counts()).toMatchObject({ unprocessed: 5 });
  });

  test("takes its run back when its lease was lost and a new one opened", async () => {
    const scene = await importScene();
    scene.slots.open = false;
    const ended = scene.start(scriptedSources([sourceRows(5)]));
    await scene.clock.advance(1_000);
    const first = scene.presence.owner();
    await scene.store.endLease(first);
    await scene.clock.advance(5_000);
    const run = await scene.store.getRun("run-1");
    expect(run?.owner).toBe(scene.presence.owner());
    expect(run?.owner).not.toBe(first);
    scene.slots.open = true;
    expect((await scene.clock.advanceUntil(ended)).state).toBe("finished");
  });
});

describe("a store that forgets what it acknowledged last", () => {
  test("is given the rows again that it lacks when all are read", async () => {
    let forgets = true;
    const scene = await importScene({
      store: (store) => ({
        putRows: async (runId, rows) => {
          if (forgets && rows.some(({ row }) => row > 5)) forgets = false;
          else await store.putRows(runId, rows);
        },
      }),
    });
    const ended = scene.start(scriptedSources([sourceRows(5), sourceRows(5, 6)]));
    expect((await scene.clock.advanceUntil(ended)).state).toBe("finished");
    expect(await scene.counts()).toMatchObject({ added: 10 });
    expect(scene.api.sent).toHaveLength(10);
  });

  test("is told again that all was read", async () => {
    const scene = await importScene();
    scene.slots.open = false;
    const ended = scene.start(scriptedSources([sourceRows(5)]));
    await scene.clock.advance(1_000);
    expect(await scene.store.getRun("run-1")).toMatchObject({ state: "draining", sourceComplete: true });
    await scene.store.changeRun("run-1", { state: "reading", sourceComplete: false });
    await scene.clock.advance(1_000);
    scene.slots.open = true;
    expect((await scene.clock.advanceUntil(ended)).state).toBe("finished");
    expect(await scene.counts()).toMatchObject({ added: 5 });
  });

  test("and goes on doing so is a bug, not a finished run", async () => {
    const scene = await importScene({ store: () => ({ putRows: () => Promise.resolve() }) });
    const run = await scene.clock.advanceUntil(scene.start(scriptedSources([sourceRows(5)])));
    expect(run).toMatchObject({ state: "stopped", halt: { code: "bug" } });
  });
});

describe("an import that is left to the workers", () => {
  test("resolves when all is enqueued, owned by nobody, with the finish asked for", async () => {
    const scene = await importScene();
    const run = await scene.clock.advanceUntil(
      scene.start(scriptedSources([sourceRows(20)]), { detach: true }),
    );
    expect(run).toMatchObject({
      state: "draining",
      owner: undefined,
      sourceComplete: true,
      counts: { queued: 20 },
    });
    expect(scene.queues.waiting("run-1")).toHaveLength(20);
    expect([...scene.queues.finishRequests]).toEqual(["run-1"]);
    expect(scene.queues.removed).toEqual([]);
    expect(scene.api.sent).toEqual([]);
  });

  test("is no failure when the finish could not be asked for: a worker asks itself", async () => {
    const scene = await importScene();
    const ended = scene.start(scriptedSources([sourceRows(20)]), {
      detach: true,
      onProgress: (run) => {
        if (run.sourceComplete) scene.queues.failure = away();
      },
    });
    const run = await scene.clock.advanceUntil(ended);
    expect(run).toMatchObject({ state: "draining", owner: undefined });
    expect(scene.faults).toHaveLength(1);
  });
});
