/** Reading sources into a run: numbered, looked up, stored, enqueued, and never too far ahead. */
import { describe, expect, test } from "vitest";
import { HELD, produce, type ProducerOptions } from "../../src/app/producer.ts";
import { groupKey, rowKey } from "../../src/core/row.ts";
import type { SourceRow } from "../../src/core/source.ts";
import type { Store } from "../../src/core/store.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { memoryQueues } from "../support/memory-queues.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { DRAFT_ID } from "../support/scripted-api.ts";
import { scriptedSources, sourceRow, sourceRows } from "../support/scripted-sources.ts";
import { ADDED, aHolder, aRun, facts, LONG_MS, newToken, UNKNOWN } from "../support/store-fixtures.ts";

const ORIGIN = "https://api.test";

async function scene(batches: readonly SourceRow[][], change: Partial<ProducerOptions> = {}) {
  const clock = fakeClock();
  const store = createMemoryStore(clock);
  const queues = memoryQueues(clock);
  const owner = await store.openLease(aHolder(), LONG_MS);
  const { runId } = await store.createRun(aRun(owner, { origin: ORIGIN }));
  const queue = queues.runQueue(runId);
  const faults: unknown[] = [];
  const stop = new AbortController();
  const run = (sources = scriptedSources(batches)) =>
    produce(
      {
        store,
        queue,
        clock,
        runId,
        origin: ORIGIN,
        sources,
        highWaterRows: 10_000,
        onFault: (error) => faults.push(error),
        ...change,
      },
      stop.signal,
    );
  const stored = () => store.readRows(runId, { fromRow: 1, limit: 1_000 });
  return { clock, store, queues, queue, runId, owner, faults, stop, run, stored };
}

/** The ledger remembers this trace from a run before. */
async function known(store: Store, trace: string, settlement: typeof ADDED | typeof UNKNOWN): Promise<void> {
  const owner = await store.openLease(aHolder(), LONG_MS);
  const run = await store.createRun(aRun(owner, { origin: ORIGIN }));
  const group = groupKey(ORIGIN, 42);
  await store.setGroup(group, { phase: "open", draftDatasetId: DRAFT_ID, baseline: 0 });
  const address = {
    key: rowKey(ORIGIN, { datasetGroupId: 42, traceId: trace, spanId: undefined }),
    group,
    runId: run.runId,
    row: 1,
    token: newToken(),
  };
  await store.claim({ ...address, owner, holdMs: LONG_MS, limiter: "key" });
  await store.settle({ ...address, settlement, facts: facts() });
}

describe("the producer", () => {
  test("numbers rows through all batches, and enqueues the good ones", async () => {
    const bad = sourceRow(3, { traceId: "", invalid: { code: "trace_empty", message: "trace_id is empty" } });
    const { run, stored, queues, runId } = await scene([[...sourceRows(2), bad], sourceRows(2, 4)]);
    expect(await run()).toBe(5);
    expect((await stored()).map(({ row, line, status }) => [row, line, status])).toEqual([
      [1, 1, "queued"],
      [2, 2, "queued"],
      [3, 3, "invalid"],
      [4, 4, "queued"],
      [5, 5, "queued"],
    ]);
    expect((await stored())[2]).toMatchObject({ errorCode: "trace_empty", error: "trace_id is empty" });
    expect(queues.waiting(runId)).toEqual(["r1", "r2", "r4", "r5"]);
  });

  test("knows rows that were added or left unknown before, and enqueues neither", async () => {
    const { run, stored, queues, runId, store } = await scene([sourceRows(3)]);
    await known(store, "trace-1", ADDED);
    await known(store, "trace-2", UNKNOWN);
    await run();
    expect(await stored()).toMatchObject([
      { status: "duplicate", draftDatasetId: ADDED.draftDatasetId },
      { status: "unknown", errorCode: HELD },
      { status: "queued" },
    ]);
    expect(queues.waiting(runId)).toEqual(["r3"]);
  });

  test("a span and its trace are two rows, an empty span is none", async () => {
    const { run, queues, runId, stored } = await scene([[sourceRow(1, { spanId: "s" }), sourceRow(1)]]);
    await run();
    expect(queues.waiting(runId)).toEqual(["r1", "r2"]);
    expect((await stored()).map(({ spanId }) => spanId)).toEqual(["s", ""]);
  });

  test("waits while the queue is full, and goes on when it is not", async () => {
    const batches = [sourceRows(10), sourceRows(10, 11), sourceRows(10, 21)];
    const { run, clock, queues, runId, stored } = await scene(batches, { highWaterRows: 15 });
    const done = run();
    await clock.advance(5_000);
    expect(await stored()).toHaveLength(20);
    queues.loseJobs(runId);
    expect(await clock.advanceUntil(done)).toBe(30);
    expect(queues.waiting(runId)).toHaveLength(10);
  });

  test("sends a batch again, as a whole, when the queue did not answer", async () => {
    const { run, clock, queues, queue, runId, faults } = await scene([sourceRows(5)]);
    // Some of the batch got through before the answer was lost.
    await queue.enqueue([
      { row: 2, datasetGroupId: 42, traceId: "trace-2", spanId: undefined, generation: 0 },
    ]);
    queues.failure = new Error("Stream isn't writeable");
    const done = run();
    await clock.advance(1_200);
    expect(faults.length).toBeGreaterThanOrEqual(2);
    queues.failure = undefined;
    expect(await clock.advanceUntil(done)).toBe(5);
    expect(queues.waiting(runId).toSorted()).toEqual(["r1", "r2", "r3", "r4", "r5"]);
  });

  test("run anew over the same rows changes nothing", async () => {
    const { run, queues, runId, stored } = await scene([sourceRows(5)]);
    await run();
    const before = await stored();
    expect(await run()).toBe(5);
    expect(await stored()).toEqual(before);
    expect(queues.waiting(runId)).toHaveLength(5);
  });

  test.each(["full", "away"])("stops with the reason while the queue is %s", async (trouble) => {
    const { run, clock, queues, stop } = await scene([sourceRows(10), sourceRows(10, 11)], {
      highWaterRows: trouble === "full" ? 5 : 10_000,
    });
    if (trouble === "away") queues.failure = new Error("Stream isn't writeable");
    const done = run();
    await clock.advance(1_000);
    const reason = new Error("told to stop");
    stop.abort(reason);
    await expect(done).rejects.toBe(reason);
    expect(clock.sleeping()).toBe(0);
  });

  test("passes a source's fault on, with the rows before it in", async () => {
    const { run, stored } = await scene([]);
    const sources = scriptedSources([sourceRows(5), sourceRows(5, 6)], (batch) => {
      if (batch === 1) throw new RangeError("broken off");
    });
    await expect(run(sources)).rejects.toThrow("broken off");
    expect(await stored()).toHaveLength(5);
  });
});
