/** What was opened is closed again, in reverse order, whatever happens on the way. */
import { expect, test } from "vitest";
import { makeOpened } from "../../src/wire/opened.ts";

function scene() {
  const closed: string[] = [];
  const part = (name: string, fault?: string) => ({
    close: async () => {
      closed.push(name);
      if (fault !== undefined) throw new Error(fault);
    },
  });
  return { opened: makeOpened(), closed, part };
}

test("the last opened part is closed first, and each of them once", async () => {
  const { opened, closed, part } = scene();
  for (const name of ["store", "presence", "queues"]) opened.add(part(name));
  await opened.close();
  await opened.close();
  expect(closed).toEqual(["queues", "presence", "store"]);
});

test("a part that cannot be closed keeps no other open; the first fault is told", async () => {
  const { opened, closed, part } = scene();
  opened.add(part("store"));
  opened.add(part("presence", "the store is full"));
  opened.add(part("queues", "connection lost"));
  await expect(opened.close()).rejects.toThrow("connection lost");
  expect(closed).toEqual(["queues", "presence", "store"]);
});
