/** The gate of a group: one at a time in a process, held for as long as the work takes, given back however it ends. */
import { expect, test } from "vitest";
import { makeGroupLocks } from "../../src/app/group-locks.ts";
import type { GroupKey } from "../../src/core/row.ts";
import { fakeClock, settle } from "../support/fake-clock.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { aHolder } from "../support/store-fixtures.ts";

const KEY = "https://api.test|42" as GroupKey;
const never = new AbortController().signal;

async function scene() {
  const clock = fakeClock();
  const store = createMemoryStore(clock);
  const owner = await store.openLease(aHolder(), 3_600_000);
  const other = await store.openLease(aHolder({ host: "host-b" }), 3_600_000);
  const locks = makeGroupLocks({ store, clock, owner: () => owner });
  return { clock, store, owner, other, locks };
}

test("two of one process hold it one after the other, though the store would let both", async () => {
  const { clock, locks } = await scene();
  const diary: string[] = [];
  const hold = (name: string) =>
    locks.hold(KEY, never, async () => {
      diary.push(`${name} in`);
      await clock.sleep(100);
      diary.push(`${name} out`);
    });
  await clock.advanceUntil(Promise.all([hold("a"), hold("b"), hold("c")]));
  expect(diary).toEqual(["a in", "a out", "b in", "b out", "c in", "c out"]);
});

test("it is extended while the work takes longer than a hold lasts", async () => {
  const { clock, store, other, locks } = await scene();
  const held = locks.hold(KEY, never, () => clock.sleep(120_000));
  await clock.advance(100_000);
  expect(await store.lockGroup(KEY, other, 1_000)).toBe(false);
  await clock.advanceUntil(held);
  expect(await store.lockGroup(KEY, other, 1_000)).toBe(true);
  expect(clock.sleeping()).toBe(0);
});

test("it is given back when the work fails, and the next one gets it", async () => {
  const { clock, locks } = await scene();
  const failed = locks.hold(KEY, never, () => Promise.reject(new Error("no")));
  const next = locks.hold(KEY, never, () => Promise.resolve("done"));
  await expect(clock.advanceUntil(failed)).rejects.toThrow("no");
  expect(await clock.advanceUntil(next)).toBe("done");
});

test("another process is waited for, until told to stop", async () => {
  const { clock, store, other, locks } = await scene();
  await store.lockGroup(KEY, other, 60_000);
  const stop = new AbortController();
  const waiting = locks.hold(KEY, stop.signal, () => Promise.resolve("done"));
  waiting.catch(() => undefined);
  await clock.advance(5_000);
  stop.abort(new Error("told to stop"));
  await expect(waiting).rejects.toThrow("told to stop");
  await store.unlockGroup(KEY, other);
  expect(await clock.advanceUntil(locks.hold(KEY, never, () => Promise.resolve("mine")))).toBe("mine");
  await settle();
  expect(clock.sleeping()).toBe(0);
});
