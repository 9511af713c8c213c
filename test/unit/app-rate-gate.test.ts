/** The gate before the shared limit: even, patient, never ahead of what the store granted. */
import { describe, expect, test } from "vitest";
import { makeRateGate, type RateGate } from "../../src/app/pace/rate-gate.ts";
import type { Limiter } from "../../src/core/store.ts";
import { fakeClock, type FakeClock } from "../support/fake-clock.ts";
import { createMemoryStore } from "../support/memory-store.ts";

const never = new AbortController().signal;

function gateOf(
  clock: FakeClock,
  store: Pick<Limiter, "reserveSlots">,
  ratePerSecond: number | undefined,
  sender = "a",
): RateGate {
  return makeRateGate({ store, limiter: "key", sender, ratePerSecond, clock });
}

/** Takes as many as it can get, one after the other or `width` at once; answers when each went. */
function takeAll(clock: FakeClock, gate: RateGate, count: number, width = 8): number[] {
  const times: number[] = [];
  const taker = async (share: number) => {
    for (let index = 0; index < share; index += 1) {
      await gate.take(never);
      times.push(clock.monotonicMs());
    }
  };
  for (let index = 0; index < width; index += 1) void taker(Math.ceil(count / width));
  return times;
}

function mostWithin(times: readonly number[], ms: number): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + ms).length));
}

describe("the rate gate", () => {
  test.each([1, 20, 200, 1_000])("lets rows go at %i a second, evenly", async (rate) => {
    const clock = fakeClock();
    const times = takeAll(clock, gateOf(clock, createMemoryStore(clock), rate), rate * 3);
    await clock.advance(2_999);
    expect(times.length).toBeGreaterThanOrEqual(rate * 3 - 1);
    const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000 / rate - 0.001);
    expect(mostWithin(times, 999)).toBeLessThanOrEqual(rate);
  });

  test("several gates on one limiter keep to it together", async () => {
    const clock = fakeClock();
    const store = createMemoryStore(clock);
    const all = ["a", "b", "c"].map((sender) => takeAll(clock, gateOf(clock, store, 30, sender), 120));
    await clock.advance(3_999);
    const times = all.flat().toSorted((x, y) => x - y);
    expect(times.length).toBeGreaterThanOrEqual(118);
    expect(mostWithin(times, 999)).toBeLessThanOrEqual(30);
    for (const share of all) expect(share.length).toBeGreaterThan(20);
  });

  test("the lowest rate of two senders holds for both, from the newcomer's first slot on", async () => {
    const clock = fakeClock();
    const store = createMemoryStore(clock);
    const slow = takeAll(clock, gateOf(clock, store, 2, "slow"), 40, 2);
    await clock.advance(1_000);
    const fast = gateOf(clock, store, 1_000, "fast");
    const quick = takeAll(clock, fast, 100, 50);
    await clock.advance(10_000);
    expect(fast.inForce()).toBe(2);
    const times = [...slow, ...quick].toSorted((x, y) => x - y);
    expect(mostWithin(times, 999)).toBeLessThanOrEqual(2);
    // Neither has taken the other's slots away for long.
    expect(times.length).toBeGreaterThanOrEqual(20);
    expect(slow.length).toBeGreaterThan(5);
  });

  test("a slot that is noticed late is forfeited, not caught up on", async () => {
    const clock = fakeClock();
    const gate = gateOf(clock, createMemoryStore(clock), 100);
    const times = takeAll(clock, gate, 500);
    await clock.advance(500);
    const before = times.length;
    clock.jumpMonotonic(1_000);
    await clock.advance(1);
    expect(times.length - before).toBeLessThanOrEqual(1);
    await clock.advance(1_000);
    expect(times.length - before).toBeLessThanOrEqual(101);
    expect(times.length - before).toBeGreaterThan(80);
  });

  test("on a machine where every timer is late, keeps its rate, and does not exceed it", async () => {
    const clock = fakeClock();
    const late = { ...clock, sleep: (ms: number, signal?: AbortSignal) => clock.sleep(ms + 35, signal) };
    const store = createMemoryStore(clock);
    const gate = makeRateGate({ store, limiter: "key", sender: "a", ratePerSecond: 10, clock: late });
    const times = takeAll(clock, gate, 100);
    await clock.advance(9_999);
    expect(times.length).toBeGreaterThanOrEqual(70);
    expect(mostWithin(times, 999)).toBeLessThanOrEqual(10);
  });

  test("reserves no further ahead than a tenth of a second", async () => {
    const clock = fakeClock();
    const memory = createMemoryStore(clock);
    const counts: number[] = [];
    const store: Pick<Limiter, "reserveSlots"> = {
      reserveSlots: (request) => {
        counts.push(request.count);
        return memory.reserveSlots(request);
      },
    };
    takeAll(clock, gateOf(clock, store, 100), 400, 50);
    await clock.advance(2_000);
    expect(counts[0]).toBe(1);
    expect(Math.max(...counts)).toBe(10);
  });

  test("without a limit lets rows go at once, and asks the store now and then", async () => {
    const clock = fakeClock();
    const memory = createMemoryStore(clock);
    let asked = 0;
    const gate = gateOf(
      clock,
      {
        reserveSlots: (request) => {
          asked += 1;
          return memory.reserveSlots(request);
        },
      },
      undefined,
    );
    await clock.advanceUntil(Promise.all(Array.from({ length: 1_000 }, () => gate.take(never))));
    expect(asked).toBe(1);
    expect(clock.monotonicMs()).toBe(0);
    await clock.advance(499);
    await gate.take(never);
    expect(asked).toBe(1);
    await clock.advance(1);
    await clock.advanceUntil(gate.take(never));
    expect(asked).toBe(2);
    expect(gate.inForce()).toBeUndefined();
  });

  test("without a limit of its own keeps to another sender's", async () => {
    const clock = fakeClock();
    const store = createMemoryStore(clock);
    void takeAll(clock, gateOf(clock, store, 5, "limited"), 100, 1);
    await clock.advance(100);
    const free = gateOf(clock, store, undefined, "free");
    const times = takeAll(clock, free, 50, 1);
    await clock.advance(5_000);
    expect(free.inForce()).toBe(5);
    expect(mostWithin(times, 999)).toBeLessThanOrEqual(5);
  });

  test("waits out a pause, and says how long it takes", async () => {
    const clock = fakeClock();
    const store = createMemoryStore(clock);
    const gate = gateOf(clock, store, 10);
    await clock.advanceUntil(gate.take(never));
    expect(gate.pausedMs()).toBe(0);
    await store.pauseLimiter("key", 30_000);
    const times = takeAll(clock, gate, 5, 5);
    await clock.advance(10_000);
    expect(times).toEqual([]);
    expect(gate.pausedMs()).toBeGreaterThan(19_000);
    await clock.advance(20_500);
    expect(times).toHaveLength(5);
    expect(gate.pausedMs()).toBe(0);
  });

  test("tells when it waits for the store's recovery", async () => {
    const clock = fakeClock();
    const memory = createMemoryStore(clock);
    let told: number[] = [];
    const gate = makeRateGate({
      limiter: "key",
      sender: "a",
      ratePerSecond: 10,
      clock,
      onRecovery: (inMs) => told.push(inMs),
      store: {
        reserveSlots: async (request) => {
          const grant = await memory.reserveSlots(request);
          return clock.monotonicMs() < 20_000 ? { ...grant, recovering: true } : grant;
        },
      },
    });
    await memory.pauseLimiter("key", 20_000);
    const times = takeAll(clock, gate, 8);
    await clock.advance(10_000);
    expect(told[0]).toBe(20_000);
    expect(times).toEqual([]);
    told = [];
    await clock.advance(12_000);
    expect(times).toHaveLength(8);
    expect(told.filter((inMs) => inMs > 10_000)).toEqual([]);
  });

  test("a slow rate is no pause", async () => {
    const clock = fakeClock();
    const gate = gateOf(clock, createMemoryStore(clock), 0.1);
    await clock.advanceUntil(gate.take(never));
    void gate.take(never);
    await clock.advance(10);
    expect(gate.pausedMs()).toBe(0);
  });

  test("a waiter that is told to stop leaves at once, and its place goes to the next", async () => {
    const clock = fakeClock();
    const gate = gateOf(clock, createMemoryStore(clock), 1);
    await clock.advanceUntil(gate.take(never));
    const stop = new AbortController();
    const given = gate.take(stop.signal);
    const next = gate.take(never);
    const reason = new Error("told to stop");
    stop.abort(reason);
    await expect(given).rejects.toBe(reason);
    await expect(gate.take(stop.signal)).rejects.toBe(reason);
    await clock.advance(1_000);
    await next;
    expect(clock.monotonicMs()).toBe(1_000);
  });

  test("when nobody waits any more, it does not sleep on; the slot it had goes to who comes next", async () => {
    const clock = fakeClock();
    const gate = gateOf(clock, createMemoryStore(clock), 0.1);
    await clock.advanceUntil(gate.take(never));
    const stop = new AbortController();
    const given = gate.take(stop.signal);
    await clock.advance(2_000);
    stop.abort(new Error("told to stop"));
    await expect(given).rejects.toThrow("told to stop");
    await clock.advance(1);
    expect(clock.sleeping()).toBe(0);
    await clock.advanceUntil(gate.take(never));
    expect(clock.monotonicMs()).toBe(10_000);
  });

  test("a slow sender that waits for its slot is not forgotten: its rate holds on", async () => {
    const clock = fakeClock();
    const store = createMemoryStore(clock);
    void takeAll(clock, gateOf(clock, store, 0.02, "slow"), 10, 1);
    await clock.advance(30_000);
    const fast = gateOf(clock, store, 100, "fast");
    const quick = takeAll(clock, fast, 100, 1);
    await clock.advance(200_000);
    expect(fast.inForce()).toBe(0.02);
    expect(quick.length).toBeLessThanOrEqual(4);
  });

  test("a store that refuses is told to all who wait; who comes later asks again", async () => {
    const clock = fakeClock();
    const memory = createMemoryStore(clock);
    let failures = 1;
    const gate = gateOf(
      clock,
      {
        reserveSlots: async (request) => {
          failures -= 1;
          if (failures >= 0) throw new Error("closed");
          return memory.reserveSlots(request);
        },
      },
      10,
    );
    const answers = await Promise.allSettled([gate.take(never), gate.take(never)]);
    expect(answers.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await clock.advanceUntil(gate.take(never));
  });
});
