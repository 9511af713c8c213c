/** Places for requests in flight: as many as there are, in order, none lost. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { makePlaces } from "../../src/app/places.ts";
import { settle } from "../support/fake-clock.ts";

const never = new AbortController().signal;

test("a freed place goes to whoever waits longest", async () => {
  const places = makePlaces(1);
  await places.take(never);
  const order: number[] = [];
  void places.take(never).then(() => order.push(1));
  void places.take(never).then(() => order.push(2));
  places.leave();
  await settle();
  expect(order).toEqual([1]);
  places.leave();
  await settle();
  expect(order).toEqual([1, 2]);
});

test("who is told to stop while waiting leaves with the reason, and takes no place with it", async () => {
  const places = makePlaces(1);
  await places.take(never);
  const stop = new AbortController();
  const first = places.take(stop.signal);
  const second = places.take(stop.signal);
  const reason = new Error("told to stop");
  stop.abort(reason);
  await expect(first).rejects.toBe(reason);
  await expect(second).rejects.toBe(reason);
  await expect(places.take(stop.signal)).rejects.toBe(reason);
  places.leave();
  await places.take(never);
});

test("a place freed in the moment of the stop is not lost", async () => {
  const places = makePlaces(1);
  await places.take(never);
  const stop = new AbortController();
  const waiter = places.take(stop.signal);
  const next = places.take(never);
  places.leave();
  stop.abort(new Error("told to stop"));
  // The place was handed over before the stop: whoever has it gives it back.
  await waiter;
  places.leave();
  await next;
});

test("there are never more taken than there are, and none is lost", async () => {
  const comings = fc.array(fc.constantFrom("take", "leave", "give up"), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), comings, async (count, steps) => {
      const places = makePlaces(count);
      let held = 0;
      const waiting: AbortController[] = [];
      for (const step of steps) {
        if (step === "leave" && held > 0) {
          held -= 1;
          places.leave();
        } else if (step === "give up") {
          waiting.shift()?.abort(new Error("told to stop"));
        } else if (step === "take") {
          const stop = new AbortController();
          waiting.push(stop);
          const gone = () => waiting.splice(waiting.indexOf(stop) >>> 0, 1);
          places.take(stop.signal).then(
            () => {
              held += 1;
              gone();
            },
            () => undefined,
          );
        }
        await Promise.resolve();
        await Promise.resolve();
        expect(held).toBeLessThanOrEqual(count);
        if (waiting.length > 0) expect(held).toBe(count);
      }
      while (held > 0) {
        held -= 1;
        places.leave();
        await Promise.resolve();
        await Promise.resolve();
      }
      await Promise.all(Array.from({ length: count }, () => places.take(never)));
    }),
    { numRuns: 100 },
  );
});
