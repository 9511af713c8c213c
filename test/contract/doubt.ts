/** What is in doubt in a group at one instant, and for which draft. */
import { describe, expect, it } from "vitest";
import { ADDED, aHolder, DRAFT, LONG_MS, setStage, UNKNOWN } from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";
import { OTHER_DRAFT, verdictCalls } from "./verdict-calls.ts";

export function doubtContract(subject: Subject): void {
  describe("doubt", () => {
    const { settled, turnTo } = verdictCalls(subject);

    it("has no doubt about a group that nobody has seen, nor makes it by asking", async () => {
      const stage = await setStage(subject.store, { phase: "new" });
      const doubt = await subject.store.readDoubt(stage.group);
      expect(doubt).toMatchObject({ sending: 0, unknown: 0, elsewhere: 0 });
      expect([doubt.until, doubt.elsewhereUntil]).toEqual([undefined, undefined]);
      const known = (await subject.second.listGroups()).map((group) => group.key);
      expect(known).not.toContain(stage.group);
    });

    it("tells what is in doubt, and until when a request could still be applied", async () => {
      const stage = await setStage(subject.store, { rows: 4 });
      await settled(stage, 1, ADDED);
      await stage.claim(2);
      for (const [row, holdMs] of [
        [3, LONG_MS],
        [4, 2 * LONG_MS],
      ] as const) {
        await subject.store.settle(stage.settleOf(await stage.claim(row, { holdMs }), UNKNOWN));
      }
      const [last] = await subject.store.lookup([stage.keyOf(4)]);
      const before = await subject.store.now();
      const doubt = await subject.second.readDoubt(stage.group);
      expect(doubt).toMatchObject({ sending: 1, unknown: 2, elsewhere: 0, until: last?.until });
      expect(doubt.now).toBeGreaterThanOrEqual(before - 1);
      expect(doubt.version).toBe((await subject.store.getGroup(stage.group)).version);
    });

    it("counts apart what was claimed for another draft, or before the draft was known", async () => {
      const stage = await setStage(subject.store, { rows: 4, phase: "solo" });
      await settled(stage, 1, UNKNOWN);
      const early = await subject.store.readDoubt(stage.group);
      expect(early).toMatchObject({ unknown: 0, elsewhere: 1 });
      expect(early.until).toBeUndefined();
      const untilOf = async (row: number) => (await subject.store.lookup([stage.keyOf(row)]))[0]?.until;
      expect(early.elsewhereUntil).toBe(await untilOf(1));
      await turnTo(stage, DRAFT, 0);
      await settled(stage, 2, UNKNOWN);
      await settled(stage, 3, UNKNOWN);
      expect(await subject.second.readDoubt(stage.group)).toMatchObject({ unknown: 2, elsewhere: 1 });
      await turnTo(stage, OTHER_DRAFT, 0);
      await subject.store.settle(stage.settleOf(await stage.claim(4, { holdMs: 2 * LONG_MS }), UNKNOWN));
      const times = await Promise.all([1, 2, 3].map(untilOf));
      expect(await subject.second.readDoubt(stage.group)).toMatchObject({
        unknown: 1,
        elsewhere: 3,
        until: await untilOf(4),
        elsewhereUntil: Math.max(...times.map(Number)),
      });
      expect((await subject.store.getGroup(stage.group)).unknown).toBe(4);
    });

    it("keeps the draft a row was claimed for when its sender is lost", async () => {
      const stage = await setStage(subject.store);
      const owner = await subject.store.openLease(aHolder(), LONG_MS);
      await stage.claim(1, { owner });
      await turnTo(stage, OTHER_DRAFT, 0);
      await subject.store.endLease(owner);
      await subject.store.sweep();
      expect(await subject.second.readDoubt(stage.group)).toMatchObject({ unknown: 0, elsewhere: 1 });
    });
  });
}
