/** The pace against simulated servers: what is reached, what is refused on the way, and how it comes back. */
import { describe, expect, test } from "vitest";
import {
  fixedWindow,
  pacedWorld,
  slidingWindow,
  tokenBucket,
  type Admission,
} from "../support/paced-server.ts";

const MINUTE = 60_000;

/** Refuses at random, the same way each time. */
function randomly(share: number): Admission {
  let state = 7;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648 >= share;
  };
}

describe("the pace under a limit that was asked for", () => {
  test("stays at the limit while 0.8 % are refused at random", () => {
    const world = pacedWorld({ limitPerSecond: 300, search: false, admit: randomly(0.008) });
    const run = world.run(3 * MINUTE);
    expect(run.ceilings).toEqual([]);
    expect(run.goodPerSecond).toBeGreaterThan(290);
  });

  test("halves when more than 2 % are refused, at most once in 5 s, never below a tenth", () => {
    const world = pacedWorld({ limitPerSecond: 80, search: false, admit: () => false, processes: 3 });
    expect(world.run(5_000).ceilings).toEqual([40]);
    expect(world.view()).toMatchObject({ phase: "slowed", ceilingPerSecond: 40, refusedShare: 1 });
    expect(world.run(5_000).ceilings).toEqual([20]);
    expect(world.run(MINUTE).ceilings).toEqual([10, 8]);
  });

  test("one refusal of three is no reason", () => {
    let count = 0;
    const everyThird = () => (count += 1) % 3 !== 0;
    const world = pacedWorld({ limitPerSecond: 1, search: false, admit: everyThird });
    expect(world.run(8_000).ceilings).toEqual([]);
  });

  test("climbs back by small steps when the refusals are over, to no ceiling at all", () => {
    let refusing = true;
    const world = pacedWorld({ limitPerSecond: 100, search: false, admit: () => !refusing });
    world.run(4_000);
    expect(world.ceiling()).toBe(50);
    refusing = false;
    const { ceilings } = world.run(MINUTE);
    expect(ceilings.at(-1)).toBe(Infinity);
    const steps = ceilings.slice(1, -1).map((rate, index) => rate - (ceilings[index] ?? 0));
    expect(Math.min(...steps)).toBeGreaterThan(0);
    expect(Math.max(...steps)).toBeLessThanOrEqual(5.001);
    expect(world.view()).toBeUndefined();
  });

  test("stays under a server's limit that is lower, and tries again less and less often", () => {
    const world = pacedWorld({ limitPerSecond: 100, search: false, admit: slidingWindow(60) });
    world.run(MINUTE);
    const after = world.run(4 * MINUTE);
    expect(after.goodPerSecond).toBeGreaterThan(45);
    expect(after.refusedShare).toBeLessThan(0.01);
  });

  test("reopens slowly after a pause: the first second brings no more than the limit's half", () => {
    let nth = 0;
    const once: Admission = () => (nth += 1) !== 300;
    const world = pacedWorld({ limitPerSecond: 100, search: false, admit: once, retryAfterMs: 3_000 });
    world.run(3_000);
    expect(world.run(2_500).perSecond).toBeLessThan(10);
    expect(world.view()).toMatchObject({ phase: "reopening", ceilingPerSecond: 25 });
    expect(world.run(1_000).perSecond).toBeLessThanOrEqual(50);
    world.run(3_000);
    expect(world.ceiling()).toBeUndefined();
    expect(world.run(1_000).perSecond).toBeGreaterThanOrEqual(99);
  });

  test("pauses that follow each other slow it down", () => {
    const world = pacedWorld({
      limitPerSecond: 100,
      search: false,
      admit: slidingWindow(50),
      retryAfterMs: 1_000,
    });
    world.run(MINUTE);
    const after = world.run(2 * MINUTE);
    expect(after.goodPerSecond).toBeGreaterThan(35);
    expect(after.refusedShare).toBeLessThan(0.01);
  });
});

describe("no limit asked for", () => {
  test("there is none while nothing is refused", () => {
    const world = pacedWorld({
      limitPerSecond: undefined,
      search: false,
      admit: () => true,
      concurrency: 20,
    });
    expect(world.run(10_000)).toMatchObject({ ceilings: [] });
  });

  test("once requests are refused, the rate is searched for", () => {
    const world = pacedWorld({ limitPerSecond: undefined, search: false, admit: slidingWindow(50) });
    world.run(MINUTE);
    const after = world.run(MINUTE);
    expect(after.goodPerSecond).toBeGreaterThan(43);
    expect(after.refusedShare).toBeLessThan(0.02);
  });

  test("a pause is followed by no burst", () => {
    let nth = 0;
    const once: Admission = () => (nth += 1) !== 5_000;
    const world = pacedWorld({ limitPerSecond: undefined, search: false, admit: once, retryAfterMs: 2_000 });
    const free = world.run(3_000).perSecond;
    world.run(2_000 + 200);
    expect(world.run(500).perSecond).toBeLessThan(free / 2);
  });
});

const SERVERS: [string, () => Admission][] = [
  ["a sliding window", () => slidingWindow(50)],
  ["a fixed window", () => fixedWindow(50)],
  ["a token bucket", () => tokenBucket(50, 50)],
  ["a small token bucket", () => tokenBucket(50, 5)],
];

describe.each(SERVERS)("--rate auto against %s of 50/s", (_, server) => {
  describe.each([
    ["without Retry-After", undefined],
    ["with Retry-After", 1_000],
  ])("%s", (__, retryAfterMs) => {
    test.each([
      { processes: 1, jitterMs: 0 },
      { processes: 3, jitterMs: 40 },
    ])(
      "reaches 45/s within a minute, and is hardly refused after: $processes processes, arrivals $jitterMs ms apart",
      (senders) => {
        const world = pacedWorld({
          limitPerSecond: undefined,
          search: true,
          admit: server(),
          ...senders,
          ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
        });
        expect(world.ceiling()).toBe(5);
        world.run(MINUTE);
        const after = world.run(2 * MINUTE);
        expect(after.goodPerSecond).toBeGreaterThanOrEqual(45);
        expect(after.refusedShare).toBeLessThan(0.02);
      },
    );
  });
});

describe("--rate auto", () => {
  test.each([2, 10, 300, 1_000])("finds %i/s", (limit) => {
    const world = pacedWorld({ limitPerSecond: undefined, search: true, admit: slidingWindow(limit) });
    world.run(2 * MINUTE);
    const after = world.run(2 * MINUTE);
    expect(after.goodPerSecond).toBeGreaterThanOrEqual(limit * 0.85);
    expect(after.refusedShare).toBeLessThan(0.02);
  });

  test("does not raise a rate that is not used", () => {
    const world = pacedWorld({
      limitPerSecond: undefined,
      search: true,
      admit: () => true,
      concurrency: 1,
      latencyMs: 100,
    });
    world.run(MINUTE);
    expect(world.ceiling()).toBeLessThanOrEqual(20);
  });

  test("follows a limit that falls, and one that rises", () => {
    let admit = slidingWindow(100);
    const world = pacedWorld({ limitPerSecond: undefined, search: true, admit: (now) => admit(now) });
    world.run(2 * MINUTE);
    expect(world.ceiling()).toBeGreaterThan(90);
    admit = slidingWindow(20);
    world.run(MINUTE);
    expect(world.run(MINUTE).goodPerSecond).toBeGreaterThan(16);
    expect(world.ceiling()).toBeLessThan(23);
    admit = slidingWindow(80);
    world.run(5 * MINUTE);
    expect(world.run(MINUTE).goodPerSecond).toBeGreaterThan(60);
  });
});
