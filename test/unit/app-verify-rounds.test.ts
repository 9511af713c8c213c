/** Verification at the end of a run: sent again what is not there, as long as that gets anywhere, and never for ever. */
import { describe, expect, test } from "vitest";
import { makeFinisher } from "../../src/app/finisher.ts";
import { memoryQueues } from "../support/memory-queues.ts";
import { ADDED, queuedRow, RELEASED, UNKNOWN } from "../support/store-fixtures.ts";
import { type Fate, HOLD_MS, verifyScene } from "../support/verify-scene.ts";

async function scene(fates: readonly Fate[]) {
  const verify = await verifyScene(fates);
  const { clock, store, stage, verifier } = verify;
  const { runId } = stage.run;
  const queues = memoryQueues(clock);
  const faults: unknown[] = [];
  const finisher = makeFinisher({
    store,
    queue: queues.runQueue(runId),
    runId,
    maxErrors: undefined,
    verifying: { makeVerifier: () => verifier(), clock },
    onFault: (error) => faults.push(error),
  });
  await store.changeRun(runId, { state: "draining" });
  const run = async () => {
    const found = await store.getRun(runId);
    if (found === undefined) throw new Error("the run is gone");
    return found;
  };
  /** Steps as an importer does, five a second, until the condition holds. */
  const stepUntil = async (condition: () => boolean | Promise<boolean>) => {
    for (let steps = 0; !(await condition()); steps += 1) {
      if (steps > 20_000) throw new Error("the condition never held");
      await clock.advanceUntil(finisher.step());
      await clock.advance(200);
    }
  };
  return { ...verify, runId, queues, finisher, faults, run, stepUntil };
}

test("a run whose unknown rows all landed ends at once, verified", async () => {
  const { stepUntil, run, clock, faults } = await scene(["added", "landed"]);
  await stepUntil(async () => (await run()).state === "finished");
  expect(clock.monotonicMs()).toBeLessThan(3_000);
  expect((await run()).counts).toMatchObject({ added: 2, unknown: 0 });
  expect((await run()).verdicts).toMatchObject([{ kind: "verified", landed: 1 }]);
  expect(faults).toEqual([]);
});

test("a run says verifying, and how long it will wait", async () => {
  const { stepUntil, run, finisher, clock } = await scene(["lost"]);
  await stepUntil(() => finisher.waitingMs() !== undefined);
  expect((await run()).state).toBe("verifying");
  const before = finisher.waitingMs() ?? 0;
  await clock.advance(10_000);
  expect(before - (finisher.waitingMs() ?? 0)).toBe(10_000);
  await finisher.close();
});

test("S17: rows that are not there are queued under a fresh id, and the run drains once more", async () => {
  const { stepUntil, run, queues, runId, store, stage, put } = await scene(["added", "lost"]);
  await stepUntil(() => queues.waiting(runId).length > 0);
  expect(queues.waiting(runId)).toEqual([expect.stringMatching(/^r2-\d+$/)]);
  expect((await run()).state).toBe("draining");
  queues.loseJobs(runId);
  const claim = await stage.claim(2);
  put("trace-2");
  await store.settle(stage.settleOf(claim, ADDED));
  await stepUntil(async () => (await run()).state === "finished");
  expect((await run()).verdicts).toMatchObject([{ kind: "verified", added: 2, total: 2, absent: 1 }]);
});

test("rows that end unknown each time are held after a few rounds", async () => {
  const { stepUntil, run, queues, runId, store, stage } = await scene(["added", "lost"]);
  let sent = 0;
  await stepUntil(async () => {
    if (queues.waiting(runId).length > 0) {
      queues.loseJobs(runId);
      sent += 1;
      const claim = await stage.claim(2, { holdMs: HOLD_MS });
      await store.settle(stage.settleOf(claim, UNKNOWN));
    }
    return (await run()).state === "finished";
  });
  expect(sent).toBe(2);
  expect((await run()).counts).toMatchObject({ added: 1, unknown: 1 });
  expect((await run()).verdicts).toMatchObject([{ kind: "inconclusive", absent: 2 }]);
});

describe("a run of which a group was stopped", () => {
  const halted = { datasetGroupId: 7, code: "bad_request", message: "no" };
  const withStopped = async (fates: readonly Fate[]) => {
    const made = await scene(fates);
    const { store, runId, stage } = made;
    await store.putRows(runId, [{ ...queuedRow(stage.origin, fates.length + 1), datasetGroupId: "7" }]);
    await store.changeRun(runId, { haltedGroup: halted });
    return made;
  };

  test("asks about the other groups' rows before it stops", async () => {
    const { stepUntil, run, statuses, queues, runId } = await withStopped(["added", "landed"]);
    await stepUntil(async () => (await run()).finishedAt !== undefined);
    expect(await run()).toMatchObject({ state: "stopped", halt: { code: "group_halted" } });
    expect(await statuses()).toEqual(["added", "added", "unprocessed"]);
    expect((await run()).verdicts).toMatchObject([{ kind: "verified", landed: 1 }]);
    expect(queues.removed).toEqual([runId]);
  });

  test("sends theirs again that are not there, and not its own", async () => {
    const { stepUntil, run, statuses, queues, runId, store, stage, put } = await withStopped(["lost"]);
    await stepUntil(() => queues.waiting(runId).length > 0);
    expect(queues.waiting(runId)).toEqual([expect.stringMatching(/^r1-/)]);
    queues.loseJobs(runId);
    const claim = await stage.claim(1);
    put("trace-1");
    await store.settle(stage.settleOf(claim, ADDED));
    await stepUntil(async () => (await run()).finishedAt !== undefined);
    expect(await statuses()).toEqual(["added", "unprocessed"]);
    expect(await run()).toMatchObject({ state: "stopped", halt: { code: "group_halted" } });
  });
});

describe("a run that is verifying", () => {
  test("and is told to stop, stops waiting; its rows stay unknown", async () => {
    const { stepUntil, run, finisher, store, runId, statuses, clock, queues } = await scene(["lost"]);
    await stepUntil(() => finisher.waitingMs() !== undefined);
    await store.changeRun(runId, { state: "interrupted" });
    await clock.advanceUntil(finisher.step());
    expect(finisher.waitingMs()).toBeUndefined();
    expect((await run()).finishedAt).toBeDefined();
    expect(await statuses()).toEqual(["unknown"]);
    expect(queues.removed).toEqual([runId]);
    expect(clock.sleeping()).toBe(0);
  });

  test("takes a row back that a late answer released", async () => {
    const { stepUntil, queues, runId, store, stage, claims, finisher } = await scene(["lost", "lost"]);
    await stepUntil(() => finisher.waitingMs() !== undefined);
    const claim = claims.get(1);
    if (claim !== undefined) await store.settle(stage.settleOf(claim, RELEASED));
    await stepUntil(() => queues.waiting(runId).length === 2);
    expect(queues.waiting(runId)).toEqual([expect.stringMatching(/^r1-/), expect.stringMatching(/^r2-/)]);
  });

  test("whose verifier fails ends all the same, and says why", async () => {
    const { stepUntil, run, api, faults } = await scene(["added"]);
    api.onListDatasets = () => {
      throw new Error("out of order");
    };
    await stepUntil(async () => (await run()).state === "finished");
    expect((await run()).warnings).toEqual(["unknown rows could not be verified: out of order"]);
    expect(faults).toHaveLength(1);
  });
});
