/** The end of a run: when it may be called over, what is done about lost jobs, and when errors stop it. */
import { describe, expect, test } from "vitest";
import { makeFinisher, type FinisherOptions } from "../../src/app/finisher.ts";
import type { StoredStatus } from "../../src/core/status.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { memoryQueues } from "../support/memory-queues.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { jobOf } from "../support/sending-scene.ts";
import { ADDED, queuedRow, REJECTED, setStage, UNKNOWN } from "../support/store-fixtures.ts";

const SETTLEMENTS = { added: ADDED, rejected: REJECTED, unknown: UNKNOWN };

async function scene(
  rows: (keyof typeof SETTLEMENTS | "queued" | "sending")[],
  change: Partial<FinisherOptions> = {},
) {
  const clock = fakeClock();
  const store = createMemoryStore(clock);
  const stage = await setStage(store, { rows: rows.length });
  const { runId } = stage.run;
  const queues = memoryQueues(clock);
  const queue = queues.runQueue(runId);
  for (const [index, status] of rows.entries()) {
    if (status === "queued") continue;
    const claim = await stage.claim(index + 1);
    if (status !== "sending") await store.settle(stage.settleOf(claim, SETTLEMENTS[status]));
  }
  const faults: unknown[] = [];
  const finisher = makeFinisher({
    store,
    queue,
    runId,
    maxErrors: undefined,
    onFault: (error) => faults.push(error),
    ...change,
  });
  const statuses = async (): Promise<StoredStatus[]> =>
    (await store.readRows(runId, { fromRow: 1, limit: 1_000 })).map(({ status }) => status);
  const complete = () => store.changeRun(runId, { sourceComplete: true, state: "draining" });
  const steps = async (count: number) => {
    for (let step = 0; step < count; step += 1) await finisher.step();
  };
  return { clock, store, stage, runId, queues, queue, faults, finisher, statuses, complete, steps };
}

describe("a run that works", () => {
  test("is over when all was read and every row has its result, and its queue is gone", async () => {
    const { finisher, complete, queues, runId } = await scene(["added", "rejected", "unknown"]);
    expect((await finisher.step()).over).toBe(false);
    await complete();
    expect(await finisher.step()).toMatchObject({ over: true, run: { state: "finished" } });
    expect(queues.removed).toEqual([runId]);
    expect((await finisher.step()).over).toBe(true);
  });

  test("is not over while a row waits, or is on its way", async () => {
    const { finisher, complete, queue } = await scene(["added", "queued", "sending"]);
    await complete();
    await queue.enqueue([jobOf(2), jobOf(3)]);
    for (let step = 0; step < 10; step += 1) expect((await finisher.step()).over).toBe(false);
  });

  test("that was removed is over", async () => {
    const { queue, store } = await scene([]);
    const finisher = makeFinisher({
      store,
      queue,
      runId: "gone",
      maxErrors: undefined,
      onFault: () => undefined,
    });
    expect(await finisher.step()).toEqual({ run: undefined, over: true });
  });

  test("whose queue cannot be removed yet is over later", async () => {
    const { finisher, complete, queues, runId, store, faults } = await scene(["added"]);
    await complete();
    queues.failure = new Error("Stream isn't writeable");
    expect((await finisher.step()).over).toBe(false);
    expect(await store.getRun(runId)).toMatchObject({ state: "draining" });
    queues.failure = undefined;
    expect((await finisher.step()).over).toBe(true);
    expect(faults).toHaveLength(1);
    expect(queues.removed).toEqual([runId]);
  });
});

describe("lost jobs", () => {
  test("are queued again under a fresh id, after two looks that found nothing; requests in flight are left alone", async () => {
    const { complete, steps, queues, runId } = await scene(["added", "queued", "sending"]);
    await complete();
    await steps(2);
    expect(queues.waiting(runId)).toEqual([]);
    await steps(1);
    expect(queues.waiting(runId)).toEqual([expect.stringMatching(/^r2-\d+$/)]);
  });

  test("get another id each time they are lost", async () => {
    const { complete, steps, queues, runId } = await scene(["queued"]);
    await complete();
    await steps(3);
    const first = queues.waiting(runId);
    queues.loseJobs(runId);
    await steps(3);
    expect(queues.waiting(runId)).toHaveLength(1);
    expect(queues.waiting(runId)).not.toEqual(first);
  });

  test("are not taken for lost while others are still in the queue", async () => {
    const { complete, steps, queues, queue, runId } = await scene(["queued", "queued"]);
    await complete();
    await steps(2);
    await queue.enqueue([jobOf(1)]);
    await steps(5);
    expect(queues.waiting(runId)).toEqual(["r1"]);
    queues.loseJobs(runId);
    await steps(2);
    expect(queues.waiting(runId)).toEqual([]);
  });

  test("are looked for anew after the queue was away", async () => {
    const { complete, steps, queues, runId, faults } = await scene(["queued"]);
    await complete();
    await steps(2);
    queues.failure = new Error("Stream isn't writeable");
    await steps(2);
    queues.failure = undefined;
    await steps(2);
    expect(queues.waiting(runId)).toEqual([]);
    await steps(1);
    expect(queues.waiting(runId)).toHaveLength(1);
    expect(faults).toHaveLength(2);
  });

  test("of a sender that died are unknown, not sent again", async () => {
    const { complete, steps, queues, runId, store, stage, statuses } = await scene(["sending"]);
    await complete();
    await store.endLease(stage.owner);
    await steps(4);
    expect(queues.waiting(runId)).toEqual([]);
    expect(await statuses()).toEqual(["unknown"]);
  });
});

describe("a run that was stopped", () => {
  test.each(["stopped", "interrupted", "cancelled"] as const)(
    "(%s) has its rows unprocessed, but not those on their way",
    async (state) => {
      const { finisher, store, runId, stage, statuses, queues } = await scene(["added", "queued", "sending"]);
      await store.changeRun(runId, { state });
      expect((await finisher.step()).over).toBe(false);
      expect(await statuses()).toEqual(["added", "unprocessed", "queued"]);
      expect(queues.removed).toEqual([]);
      // The sender is lost: its row is unknown, and the run over.
      await store.endLease(stage.owner);
      expect((await finisher.step()).over).toBe(true);
      expect(await statuses()).toEqual(["added", "unprocessed", "unknown"]);
      expect(await store.getRun(runId)).toMatchObject({ state, finishedAt: expect.any(Number) });
      expect(queues.removed).toEqual([runId]);
    },
  );

  test("is over later when its queue cannot be removed yet", async () => {
    const { finisher, store, runId, queues } = await scene(["queued"]);
    await store.changeRun(runId, { state: "interrupted" });
    queues.failure = new Error("Stream isn't writeable");
    expect((await finisher.step()).over).toBe(false);
    queues.failure = undefined;
    expect((await finisher.step()).over).toBe(true);
  });

  test("has not ended when another process takes it up meanwhile", async () => {
    const { store, runId, queue } = await scene(["added"]);
    await store.changeRun(runId, { state: "interrupted" });
    const remove = async () => {
      await store.changeRun(runId, { state: "reading", finished: false });
    };
    const onFault = () => undefined;
    const finisher = makeFinisher({
      store,
      queue: { ...queue, remove },
      runId,
      maxErrors: undefined,
      onFault,
    });
    expect((await finisher.step()).over).toBe(true);
    expect((await store.getRun(runId))?.finishedAt).toBeUndefined();
  });
});

describe("--max-errors", () => {
  const rows = (bad: number, good: number) => [
    ...Array.from({ length: bad }, (_, index) =>
      index % 2 === 0 ? ("rejected" as const) : ("unknown" as const),
    ),
    ...Array.from({ length: good }, () => "added" as const),
    "queued" as const,
  ];
  test.each([
    ["3 rows, 3 bad", { rows: 3, percent: undefined }, rows(3, 0), "reading"],
    ["3 rows, 4 bad", { rows: 3, percent: undefined }, rows(4, 0), "stopped"],
    ["none, 1 bad", { rows: 0, percent: undefined }, rows(1, 0), "stopped"],
    ["5 %, 4 of 80", { rows: undefined, percent: 5 }, rows(40, 40), "reading"],
    ["5 %, 5 of 100", { rows: undefined, percent: 5 }, rows(5, 95), "reading"],
    ["5 %, 6 of 100", { rows: undefined, percent: 5 }, rows(6, 94), "stopped"],
  ])("%s: %s", async (_, maxErrors, given, state) => {
    const { finisher, store, runId } = await scene(given, { maxErrors });
    await finisher.step();
    const run = await store.getRun(runId);
    expect(run?.state).toBe(state);
    if (state === "stopped") expect(run?.halt?.code).toBe("too_many_errors");
  });
});

describe("groups that were stopped", () => {
  const halted = { datasetGroupId: 42, code: "bad_request", message: "no" };

  test("when only their rows are left, the run stops, and they are unprocessed", async () => {
    const { store, runId, complete, steps, statuses, queue } = await scene([
      "added",
      "rejected",
      "queued",
      "queued",
    ]);
    await complete();
    await store.changeRun(runId, { haltedGroup: halted });
    await steps(8);
    expect(await store.getRun(runId)).toMatchObject({ state: "stopped", halt: { code: "group_halted" } });
    expect(await statuses()).toEqual(["added", "rejected", "unprocessed", "unprocessed"]);
    expect(await queue.unfinished()).toBe(0);
  });

  test("while one of them is being sent, the run goes on", async () => {
    const { store, runId, complete, steps } = await scene(["sending", "queued"]);
    await complete();
    await store.changeRun(runId, { haltedGroup: halted });
    await steps(12);
    expect(await store.getRun(runId)).toMatchObject({ state: "draining" });
  });

  test("rows of other groups that were lost are queued again, theirs are not", async () => {
    const { store, runId, complete, steps, stage, queue } = await scene(["queued"]);
    const other = { ...queuedRow(stage.run.origin, 2), datasetGroupId: "7" };
    await store.putRows(runId, [other]);
    await complete();
    await store.changeRun(runId, { haltedGroup: halted });
    await steps(4);
    expect(await queue.unfinished()).toBe(1);
    expect(await store.getRun(runId)).toMatchObject({ state: "draining" });
  });
});
