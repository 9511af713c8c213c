/** What applying a file changes, told before it is done; and two hosts that do so at once. */
import { describe, expect, it } from "vitest";
import { applyPlan, isEmpty, planSyncs } from "../../src/app/syncs/apply.ts";
import { setSchedules } from "../../src/app/syncs/schedules.ts";
import type { QueueSchedule } from "../../src/core/queue.ts";
import type { StoredSync, SyncDefinition, SyncPolicy } from "../../src/core/syncs.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { memoryQueues } from "../support/memory-queues.ts";
import { createMemoryStore } from "../support/memory-store.ts";

const sync = (name: string, text: Record<string, unknown> = {}): SyncDefinition => ({
  name,
  origin: "https://api.test",
  text: { files: ["/a.csv"], schedule: { cron: "0 2 * * *" }, ...text },
});

function aStore() {
  const clock = fakeClock();
  const store = createMemoryStore(clock);
  const queues = memoryQueues(clock);
  const policyOf = ({ text }: StoredSync) =>
    ({
      schedule: { cron: (text["schedule"] as { cron: string }).cron, timezone: "UTC", jitterMs: 0 },
    }) as SyncPolicy;
  const apply = async (wanted: SyncDefinition[], prune = false) => {
    for (;;) {
      const plan = planSyncs(await store.listSyncs(), wanted, { prune });
      if (isEmpty(plan)) return plan;
      if (!(await applyPlan(store, plan))) continue;
      await setSchedules({ store, queues, policyOf });
      return plan;
    }
  };
  const schedules = () =>
    [...queues.schedules.values()].map(({ sync: name, cron }) => `${name} ${cron}`).sort();
  return { store, queues, apply, schedules, policyOf };
}

describe("applying syncs", () => {
  it("adds what is new, and changes nothing the second time, whatever the order of the keys", async () => {
    const { apply, schedules } = aStore();
    expect(
      (await apply([sync("b"), sync("a", { carry: { attempts: 1, "max-age": "1d" } })])).differences,
    ).toEqual([
      { kind: "add", name: "b" },
      { kind: "add", name: "a" },
    ]);
    const again = await apply([sync("a", { carry: { "max-age": "1d", attempts: 1 } }), sync("b")]);
    expect(again.differences).toEqual([]);
    expect(isEmpty(again)).toBe(true);
    expect(schedules()).toEqual(["a 0 2 * * *", "b 0 2 * * *"]);
  });

  it("tells each key that changes, and moves the schedule", async () => {
    const { apply, schedules } = aStore();
    await apply([sync("a")]);
    const { differences } = await apply([sync("a", { schedule: { cron: "0 3 * * *" }, rate: "5/s" })]);
    expect(differences).toEqual([
      {
        kind: "change",
        name: "a",
        changes: [
          { key: "rate", before: undefined, after: '"5/s"' },
          { key: "schedule.cron", before: '"0 2 * * *"', after: '"0 3 * * *"' },
        ],
      },
    ]);
    expect(schedules()).toEqual(["a 0 3 * * *"]);
  });

  it("keeps what the file does not name, unless it is told to remove it", async () => {
    const { apply, schedules } = aStore();
    await apply([sync("a"), sync("b")]);
    expect((await apply([sync("a")])).differences).toEqual([{ kind: "keep", name: "b" }]);
    expect(schedules()).toHaveLength(2);
    expect((await apply([sync("a")], true)).differences).toEqual([{ kind: "remove", name: "b" }]);
    expect(schedules()).toEqual(["a 0 2 * * *"]);
  });

  it("renames what is there under another name, with what is remembered of it", async () => {
    const { apply, schedules, store } = aStore();
    await apply([sync("old")]);
    await store.changeSync("old", { version: 1 }, { state: { cursor: 7 } });
    expect((await apply([sync("new")], true)).differences).toEqual([
      { kind: "rename", name: "new", from: "old" },
    ]);
    expect((await store.getSync("new"))?.state).toEqual({ cursor: 7 });
    expect(await store.getSync("old")).toBeUndefined();
    expect(schedules()).toEqual(["new 0 2 * * *"]);
  });

  it("leaves one file's syncs as a whole when two hosts apply at once, and their schedules", async () => {
    const { apply, schedules, store } = aStore();
    await apply([sync("a"), sync("x")]);
    const mine = [sync("a", { schedule: { cron: "1 1 * * *" } }), sync("b")];
    const theirs = [sync("a", { schedule: { cron: "2 2 * * *" } }), sync("c")];
    await Promise.all([apply(mine, true), apply(theirs, true)]);
    const { syncs } = await store.listSyncs();
    const found = syncs.map(({ name, text }) => `${name} ${(text["schedule"] as { cron: string }).cron}`);
    expect([
      ["a 1 1 * * *", "b 0 2 * * *"],
      ["a 2 2 * * *", "c 0 2 * * *"],
    ]).toContainEqual(found);
    expect(schedules()).toEqual(found);
  });

  it("sets the schedules anew when others were applied while it set them", async () => {
    const { apply, schedules, store, queues, policyOf } = aStore();
    await apply([sync("a")]);
    queues.schedules.clear();
    let late = true;
    const slow = {
      ...queues,
      setSchedule: async (schedule: QueueSchedule) => {
        if (late) {
          late = false;
          await apply([sync("a", { schedule: { cron: "9 9 * * *" } })]);
        }
        await queues.setSchedule(schedule);
      },
    };
    await setSchedules({ store, queues: slow, policyOf });
    expect(schedules()).toEqual(["a 9 9 * * *"]);
  });
});
