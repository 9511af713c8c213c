/** When a group is stopped: its first rows all refused alike, and nobody has seen one of it added. */
import { describe, expect, test } from "vitest";
import { makeGroupBreaker, type GroupBreakerOptions } from "../../src/app/group-breaker.ts";
import { TraceloadError } from "../../src/core/errors.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { ADDED, setStage } from "../support/store-fixtures.ts";

const NO = { code: "bad_request", message: "schema mismatch" };
const OTHER = { code: "bad_request", message: "something else" };
const GROUP = 42;

async function scene(change: Partial<GroupBreakerOptions["store"]> = {}) {
  const clock = fakeClock();
  const memory = createMemoryStore(clock);
  const stage = await setStage(memory, { rows: 10 });
  const { runId } = stage.run;
  const faults: unknown[] = [];
  const open = () =>
    makeGroupBreaker({
      store: { ...memory, ...change },
      run: stage.run,
      clock,
      onFault: (error) => faults.push(error),
    });
  const breaker = open();
  const note = async (refusals: (typeof NO | undefined)[], datasetGroupId = GROUP) => {
    for (const refusal of refusals) await clock.advanceUntil(breaker.note({ datasetGroupId, refusal }));
  };
  const haltedGroups = async () => (await memory.getRun(runId))?.haltedGroups;
  return { clock, memory, stage, runId, faults, breaker, open, note, haltedGroups };
}

describe("a group", () => {
  test("whose first five rows end in the same 400 is stopped, for the whole run", async () => {
    const { note, breaker, haltedGroups, open, clock } = await scene();
    const elsewhere = open();
    await note([NO, NO, NO, NO]);
    expect(await breaker.admits(GROUP)).toBe(true);
    await note([NO]);
    expect(await breaker.admits(GROUP)).toBe(false);
    expect(breaker.isHalted(GROUP)).toBe(true);
    expect(await haltedGroups()).toEqual([{ datasetGroupId: GROUP, ...NO }]);
    await clock.advance(2_000);
    expect(await elsewhere.admits(GROUP)).toBe(false);
    breaker.close();
    elsewhere.close();
    await clock.advance(2_000);
    expect(clock.sleeping()).toBe(0);
  });

  test.each([
    ["one other end before", [undefined, NO, NO, NO, NO, NO, NO]],
    ["one other end among them", [NO, NO, undefined, NO, NO, NO, NO, NO, NO]],
    ["another message among them", [NO, NO, NO, NO, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER]],
  ])("goes on with %s", async (_, ends) => {
    const { note, breaker, haltedGroups } = await scene();
    await note(ends);
    expect(await breaker.admits(GROUP)).toBe(true);
    expect(await haltedGroups()).toEqual([]);
  });

  test("is judged apart from the others", async () => {
    const { note, breaker } = await scene();
    await note([NO, NO, NO], 1);
    await note([NO, NO, NO], 2);
    await note([undefined], 3);
    await note([NO, NO], 1);
    expect(await Promise.all([1, 2, 3].map((group) => breaker.admits(group)))).toEqual([false, true, true]);
  });

  test("of which another process has added rows goes on", async () => {
    const { note, breaker, stage, memory, haltedGroups } = await scene();
    await memory.settle(stage.settleOf(await stage.claim(1), ADDED));
    await note([NO, NO, NO, NO, NO, NO, NO]);
    expect(await breaker.admits(GROUP)).toBe(true);
    expect(await haltedGroups()).toEqual([]);
  });

  test("is stopped even if the store refuses at first", async () => {
    let refusals = 2;
    const { note, haltedGroups, faults } = await scene({
      readRows: async () => {
        refusals -= 1;
        if (refusals >= 0) throw new TraceloadError("store_full", "no room");
        return [];
      },
    });
    await note([NO, NO, NO, NO, NO]);
    expect(faults).toHaveLength(2);
    expect(await haltedGroups()).toHaveLength(1);
  });

  test("that was stopped before this process began is not begun", async () => {
    const { memory, runId, clock } = await scene();
    await memory.changeRun(runId, { haltedGroup: { datasetGroupId: GROUP, ...NO } });
    const run = await memory.getRun(runId);
    if (run === undefined) throw new Error("no run");
    const later = makeGroupBreaker({ store: memory, run, clock, onFault: () => undefined });
    expect(await later.admits(GROUP)).toBe(false);
  });
});
