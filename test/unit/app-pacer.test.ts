/** The pacer: what it tells the store, when it sets a pace, and that two of them make one decision. */
import { describe, expect, test } from "vitest";
import { startPacer, type Pacer, type PacerOptions } from "../../src/app/pace/pacer.ts";
import { makeRateGate } from "../../src/app/pace/rate-gate.ts";
import { TraceloadError } from "../../src/core/errors.ts";
import { fakeClock, type FakeClock } from "../support/fake-clock.ts";
import { createMemoryStore } from "../support/memory-store.ts";

const LIMITER = "key";

function scene() {
  const clock = fakeClock();
  const store = createMemoryStore(clock);
  const faults: unknown[] = [];
  const start = (change: Partial<PacerOptions> = {}): Promise<Pacer> =>
    startPacer({
      store,
      limiter: LIMITER,
      limitPerSecond: 100,
      search: false,
      inForce: () => undefined,
      clock,
      onFault: (error) => faults.push(error),
      ...change,
    });
  const standing = () => store.noteAnswers({ limiter: LIMITER, answered: 0, refused: 0 });
  return { clock, store, faults, start, standing };
}

async function answer(clock: FakeClock, pacer: Pacer, seconds: number, refusedOf100: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    for (let index = 0; index < 100; index += 1) pacer.note(index < refusedOf100);
    await clock.advance(1_000);
  }
}

describe("a pacer", () => {
  test("tells its answers in batches, and nothing while there are none", async () => {
    const { clock, store, start, standing } = scene();
    let told = 0;
    const counting = {
      noteAnswers: (request: Parameters<typeof store.noteAnswers>[0]) => {
        told += 1;
        return store.noteAnswers(request);
      },
      setPace: (request: Parameters<typeof store.setPace>[0]) => store.setPace(request),
    };
    const pacer = await start({ store: counting });
    await answer(clock, pacer, 3, 1);
    expect(await standing()).toMatchObject({ answered: 300, refused: 3, version: 0 });
    expect(told).toBe(3);
    await clock.advance(60_000);
    expect(told).toBe(3);
    expect(pacer.view()).toBeUndefined();
  });

  test("slows the limiter down for every sender, and lets it go again", async () => {
    const { clock, store, start } = scene();
    const pacer = await start();
    await answer(clock, pacer, 2, 10);
    expect(pacer.view()).toEqual({ phase: "slowed", ceilingPerSecond: 50, refusedShare: 0.1 });
    const slots = { limiter: LIMITER, sender: "another", ratePerSecond: 1_000, count: 1 };
    expect(await store.reserveSlots(slots)).toMatchObject({ ratePerSecond: 50 });
    await answer(clock, pacer, 40, 0);
    expect(pacer.view()).toBeUndefined();
    expect(await store.reserveSlots(slots)).toMatchObject({ ratePerSecond: 1_000 });
  });

  test("halves what is in force, if another sender asks for less", async () => {
    const { clock, start, standing } = scene();
    const pacer = await start({ inForce: () => 40 });
    await answer(clock, pacer, 2, 10);
    expect(await standing()).toMatchObject({ ceilingPerSecond: 20 });
  });

  test("of two that see the same refusals, one decides", async () => {
    const { clock, start, standing } = scene();
    const [one, other] = [await start(), await start()];
    for (let index = 0; index < 100; index += 1) (index % 2 === 0 ? one : other).note(index < 20);
    await clock.advance(1_100);
    const record = await standing();
    expect(record).toMatchObject({ answered: 100, refused: 20, ceilingPerSecond: 50 });
    expect(record.version).toBe(1);
    expect([one.view(), other.view()]).toMatchObject([{ phase: "slowed" }, { phase: "slowed" }]);
  });

  test("reopens slowly after a pause that the server asked for", async () => {
    const { clock, store, start, standing } = scene();
    const pacer = await start();
    await answer(clock, pacer, 2, 0);
    pacer.note(true);
    pacer.paused(3_000);
    await store.pauseLimiter(LIMITER, 3_000);
    await clock.advance(1_000);
    expect(pacer.view()).toMatchObject({ phase: "reopening", ceilingPerSecond: 25 });
    const gate = makeRateGate({ store, limiter: LIMITER, sender: "a", ratePerSecond: 100, clock });
    let gone = 0;
    const never = new AbortController().signal;
    for (let index = 0; index < 500; index += 1) void gate.take(never).then(() => (gone += 1));
    await clock.advance(1_900);
    expect(gone).toBe(0);
    await clock.advance(1_000);
    expect(gone).toBeGreaterThan(15);
    expect(gone).toBeLessThan(60);
    await clock.advance(4_000);
    expect((await standing()).ceilingPerSecond).toBeUndefined();
  });

  test("that searches has a ceiling before it starts, and waits for a store that refuses", async () => {
    const { clock, store, start, faults, standing } = scene();
    let refusals = 2;
    const pacer = await clock.advanceUntil(
      start({
        limitPerSecond: undefined,
        search: true,
        store: {
          noteAnswers: (request) => store.noteAnswers(request),
          setPace: async (request) => {
            refusals -= 1;
            if (refusals >= 0) throw new TraceloadError("store_full", "no room");
            return store.setPace(request);
          },
        },
      }),
    );
    expect(faults).toHaveLength(2);
    expect(pacer.view()).toMatchObject({ phase: "probing", ceilingPerSecond: 5 });
    expect(await standing()).toMatchObject({ ceilingPerSecond: 5 });
  });

  test("that does not search keeps the ceiling of one that does, and lifts it when that one is gone", async () => {
    const { clock, start, standing } = scene();
    const searching = await start({ limitPerSecond: undefined, search: true });
    const fixed = await start({ limitPerSecond: 3 });
    await answer(clock, fixed, 30, 0);
    expect((await standing()).ceilingPerSecond).toBeGreaterThanOrEqual(5);
    searching.close();
    await answer(clock, fixed, 30, 0);
    expect((await standing()).ceilingPerSecond).toBeUndefined();
  });

  test("reports a store that refuses, and goes on; closed, it keeps no timer", async () => {
    const { clock, store, start, faults } = scene();
    let failing = true;
    const pacer = await start({
      store: {
        noteAnswers: (request) =>
          failing ? Promise.reject(new Error("refused")) : store.noteAnswers(request),
        setPace: (request: Parameters<typeof store.setPace>[0]) => store.setPace(request),
      },
    });
    pacer.note(false);
    await clock.advance(600);
    expect(faults).toHaveLength(1);
    failing = false;
    await answer(clock, pacer, 2, 10);
    expect(pacer.view()).toMatchObject({ phase: "slowed" });
    pacer.close();
    await clock.advance(1_000);
    expect(clock.sleeping()).toBe(0);
  });
});
