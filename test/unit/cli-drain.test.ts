/** How long a process that was told to stop waits for what it has in hand. */
import { expect, test } from "vitest";
import { drained } from "../../src/cli/drain.ts";
import { fakeClock } from "../support/fake-clock.ts";

function scene(received: "SIGINT" | "SIGTERM" = "SIGTERM") {
  const clock = fakeClock();
  const stop = new AbortController();
  const work = Promise.withResolvers<void>();
  let late = 0;
  const code = drained(work.promise, {
    signal: stop.signal,
    received: () => received,
    graceMs: 75_000,
    clock,
    onLate: () => (late += 1),
  });
  return { clock, stop, work, code, late: () => late };
}

test("it ends with 0 when all is finished in time", async () => {
  const { clock, stop, work, code, late } = scene();
  await clock.advance(1_000_000);
  stop.abort();
  await clock.advance(74_000);
  work.resolve();
  expect(await code).toBe(0);
  expect(late()).toBe(0);
  expect(clock.sleeping()).toBe(0);
});

test.each([
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const)("%s: it is left after the grace time, with %i", async (name, expected) => {
  const { clock, stop, code, late } = scene(name);
  stop.abort();
  await clock.advance(75_000);
  expect(await code).toBe(expected);
  expect(late()).toBe(1);
});

test("what goes wrong is thrown, before the stop and after it", async () => {
  for (const isStopped of [false, true]) {
    const { clock, stop, work, code } = scene();
    if (isStopped) stop.abort();
    await clock.advance(1_000);
    work.reject(new Error("no store"));
    await expect(code).rejects.toThrow("no store");
    expect(clock.sleeping()).toBe(0);
  }
});
