/** Calls made while a batch is on its way go together; each gets its own answer. */
import { expect, test } from "vitest";
import { microBatch } from "../../src/store/micro-batch.ts";

/** Sends that are answered when the test says so. */
function heldSends() {
  const batches: { items: readonly number[]; answer(): void; refuse(reason: Error): void }[] = [];
  let arrived = Promise.withResolvers<void>();
  return {
    batches,
    send: (items: readonly number[]) =>
      new Promise<string[]>((resolve, reject) => {
        batches.push({ items, answer: () => resolve(items.map((item) => `answer ${item}`)), refuse: reject });
        arrived.resolve();
      }),
    next: async (): Promise<(typeof batches)[number]> => {
      while (batches.length === 0) await arrived.promise;
      arrived = Promise.withResolvers();
      const batch = batches.shift();
      if (batch === undefined) throw new Error("no batch");
      return batch;
    },
  };
}

test("calls of one turn of the event loop travel together", async () => {
  const sends = heldSends();
  const batched = microBatch({ send: sends.send, maxItems: 10 });
  const answers = Promise.all([batched(1), batched(2), batched(3)]);
  const batch = await sends.next();
  expect(batch.items).toEqual([1, 2, 3]);
  batch.answer();
  expect(await answers).toEqual(["answer 1", "answer 2", "answer 3"]);
});

test("calls made while a batch is on its way wait for it and go as one, up to the largest batch", async () => {
  const sends = heldSends();
  const batched = microBatch({ send: sends.send, maxItems: 2 });
  const first = batched(1);
  const batch = await sends.next();
  const later = Promise.all([batched(2), batched(3), batched(4)]);
  expect(sends.batches).toEqual([]);
  batch.answer();
  expect(await first).toBe("answer 1");
  const second = await sends.next();
  expect(second.items).toEqual([2, 3]);
  second.answer();
  const third = await sends.next();
  expect(third.items).toEqual([4]);
  third.answer();
  expect(await later).toEqual(["answer 2", "answer 3", "answer 4"]);
});

test("a batch that fails rejects its own calls and leaves the next ones alone", async () => {
  const sends = heldSends();
  const batched = microBatch({ send: sends.send, maxItems: 10 });
  const lost = batched(1);
  const batch = await sends.next();
  const kept = batched(2);
  batch.refuse(new Error("refused"));
  await expect(lost).rejects.toThrow("refused");
  (await sends.next()).answer();
  expect(await kept).toBe("answer 2");
});

test("closing rejects the calls that were not sent yet", async () => {
  const sends = heldSends();
  const batched = microBatch({ send: sends.send, maxItems: 10 });
  const sent = batched(1);
  const batch = await sends.next();
  const waiting = batched(2);
  batched.close(new Error("closed"));
  await expect(waiting).rejects.toThrow("closed");
  batch.answer();
  expect(await sent).toBe("answer 1");
});

test("a flush sends what waits at once, beside the batch on its way", async () => {
  const sends = heldSends();
  const batched = microBatch({ send: sends.send, maxItems: 10 });
  const first = batched(1);
  const batch = await sends.next();
  const later = batched(2);
  batched.flush();
  const flushed = await sends.next();
  expect(flushed.items).toEqual([2]);
  flushed.answer();
  expect(await later).toBe("answer 2");
  batch.answer();
  expect(await first).toBe("answer 1");
});
