/** Groups: phase, draft, baseline, the lock of the one who looks after them, and the turn-taking of solo. */
import { describe, expect, it, vi } from "vitest";
import { groupKey } from "../../src/core/row.ts";
import {
  ADDED,
  aHolder,
  DRAFT,
  LONG_MS,
  newOrigin,
  REJECTED,
  setStage,
  UNKNOWN,
} from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";

export function groupsContract(subject: Subject): void {
  describe("groups", () => {
    it("knows a group that nobody has seen as new", async () => {
      const key = groupKey(newOrigin(), 42);
      const { version: _version, ...group } = await subject.store.getGroup(key);
      expect(group).toEqual({
        key,
        phase: "new",
        draftDatasetId: undefined,
        baseline: undefined,
        added: 0,
        sending: 0,
        unknown: 0,
        checkedAt: undefined,
        resent: 0,
      });
    });

    it("opens with draft and baseline, and remembers when it was looked up", async () => {
      const key = groupKey(newOrigin(), 42);
      const before = await subject.store.now();
      const change = { phase: "open", draftDatasetId: 9_007_199_254, baseline: 120 } as const;
      await subject.store.setGroup(key, change);
      const group = await subject.second.getGroup(key);
      expect(group).toMatchObject({ ...change, added: 0 });
      expect(group.checkedAt).toBeGreaterThanOrEqual(before - 1);
    });

    it("counts additions to the present draft, and starts anew with another draft or baseline", async () => {
      const stage = await setStage(subject.store, { rows: 4 });
      const add = async (row: number, draftDatasetId: number): Promise<void> => {
        await subject.store.settle(stage.settleOf(await stage.claim(row), { ...ADDED, draftDatasetId }));
      };
      const set = (draftDatasetId: number | undefined, baseline: number | undefined) =>
        subject.store.setGroup(stage.group, { phase: "open", draftDatasetId, baseline });
      await add(1, DRAFT);
      await add(2, 777);
      expect(await subject.second.getGroup(stage.group)).toMatchObject({
        draftDatasetId: DRAFT,
        baseline: 0,
        added: 1,
      });
      await set(DRAFT, undefined);
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ baseline: 0, added: 1 });
      await set(DRAFT, 5);
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ baseline: 5, added: 0 });
      await add(3, DRAFT);
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ added: 1 });
      await set(777, undefined);
      const changed = await subject.second.getGroup(stage.group);
      expect(changed).toMatchObject({ draftDatasetId: 777, added: 0 });
      expect(changed.baseline).toBeUndefined();
      await add(4, 777);
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ draftDatasetId: 777, added: 1 });
    });

    it("keeps the draft the server named, row by row, when it changes in the middle", async () => {
      const stage = await setStage(subject.store, { rows: 2 });
      const claims = [await stage.claim(1), await stage.claim(2)];
      for (const [index, claim] of claims.entries()) {
        const draftDatasetId = DRAFT + index;
        await subject.store.settle(stage.settleOf(claim, { ...ADDED, draftDatasetId }));
        expect((await stage.read(claim.row)).draftDatasetId).toBe(draftDatasetId);
        expect(await subject.second.lookup([claim.key])).toMatchObject([{ state: "added", draftDatasetId }]);
      }
    });

    it("makes claims wait until somebody has looked at the draft", async () => {
      const stage = await setStage(subject.store, { phase: "new" });
      const request = stage.claimOf(1);
      expect(await subject.store.claim(request)).toMatchObject({ kind: "wait", reason: "draft" });
      expect(await subject.second.lookup([request.key])).toEqual([]);
      await subject.second.setGroup(stage.group, { phase: "open", draftDatasetId: DRAFT, baseline: 0 });
      expect(await subject.store.claim(request)).toEqual({ kind: "claimed" });
    });

    it("takes the draft of a new group from the first 201", async () => {
      const stage = await setStage(subject.store, { phase: "new" });
      await subject.store.settle(stage.settleOf(stage.claimOf(1), ADDED));
      const group = await subject.second.getGroup(stage.group);
      expect(group).toMatchObject({ phase: "new", draftDatasetId: DRAFT, added: 1 });
      expect(group.baseline).toBeUndefined();
    });

    it("sends one row at a time in solo, until a 201 names the draft", async () => {
      const stage = await setStage(subject.store, { rows: 5, phase: "solo" });
      const waits = async (row: number): Promise<void> => {
        const answer = await subject.second.claim(stage.claimOf(row));
        expect(answer).toMatchObject({ kind: "wait", reason: "draft" });
      };
      const first = await stage.claim(1);
      await waits(2);
      expect(await subject.second.claim(first)).toEqual({ kind: "claimed" });
      await subject.store.settle(stage.settleOf(first, REJECTED));
      const next = await stage.claim(2);
      await waits(3);
      await subject.store.settle(stage.settleOf(next, UNKNOWN));
      const third = await stage.claim(3);
      await waits(4);
      await subject.store.settle(stage.settleOf(third, ADDED));
      const group = await subject.second.getGroup(stage.group);
      expect(group).toMatchObject({ phase: "solo", draftDatasetId: DRAFT, added: 1, unknown: 1 });
      expect(group.baseline).toBeUndefined();
      await stage.claim(4);
      await stage.claim(5);
    });

    it("passes the solo role on when its sender dies", async () => {
      const stage = await setStage(subject.store, { phase: "solo" });
      const owner = await subject.store.openLease(aHolder(), LONG_MS);
      await stage.claim(1, { owner });
      await subject.store.endLease(owner);
      await subject.store.sweep();
      await stage.claim(2);
    });

    it("keeps a draft that a 201 has named when the change to solo is repeated", async () => {
      const stage = await setStage(subject.store, { phase: "solo" });
      await subject.store.settle(stage.settleOf(await stage.claim(1), ADDED));
      await subject.store.setGroup(stage.group, {
        phase: "solo",
        draftDatasetId: undefined,
        baseline: undefined,
      });
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ draftDatasetId: DRAFT, added: 1 });
    });

    it("moves the version with every change of an entry, and only then needs to", async () => {
      const stage = await setStage(subject.store);
      const version = async (): Promise<number> => (await subject.second.getGroup(stage.group)).version;
      const seen = [await version()];
      const claim = await stage.claim(1);
      seen.push(await version());
      await subject.store.settle(stage.settleOf(claim, UNKNOWN));
      seen.push(await version());
      await subject.store.settle(stage.settleOf(claim, ADDED));
      seen.push(await version());
      const released = await stage.claim(2);
      seen.push(await version());
      await subject.store.settle(stage.settleOf(released, REJECTED));
      seen.push(await version());
      expect(new Set(seen).size).toBe(seen.length);

      const quiet = await version();
      await subject.store.settle(stage.settleOf(released, REJECTED));
      await subject.store.claim(stage.claimOf(1));
      await subject.store.sweep();
      expect(await version()).toBe(quiet);
    });

    it("lets one process at a time look after a group", async () => {
      const key = groupKey(newOrigin(), 42);
      const [one, other] = await Promise.all([
        subject.store.openLease(aHolder(), LONG_MS),
        subject.store.openLease(aHolder({ pid: 2 }), LONG_MS),
      ]);
      const answers = await Promise.all([
        subject.store.lockGroup(key, one, LONG_MS),
        subject.second.lockGroup(key, other, LONG_MS),
      ]);
      expect(answers.toSorted()).toEqual([false, true]);
      const [holder, loser] = answers[0] ? [one, other] : [other, one];
      expect(await subject.second.lockGroup(key, holder, LONG_MS)).toBe(true);
      await subject.store.unlockGroup(key, loser);
      expect(await subject.store.lockGroup(key, loser, LONG_MS)).toBe(false);
      await subject.store.unlockGroup(key, holder);
      await subject.store.unlockGroup(key, holder);
      expect(await subject.store.lockGroup(key, loser, LONG_MS)).toBe(true);
    });

    it("frees the hold on a group when its time is over", async () => {
      const key = groupKey(newOrigin(), 42);
      const one = await subject.store.openLease(aHolder(), LONG_MS);
      const other = await subject.store.openLease(aHolder({ pid: 2 }), LONG_MS);
      expect(await subject.store.lockGroup(key, one, 60)).toBe(true);
      await vi.waitFor(async () => expect(await subject.second.lockGroup(key, other, LONG_MS)).toBe(true), {
        interval: 10,
      });
      expect(await subject.store.lockGroup(key, one, LONG_MS)).toBe(false);
    });
  });
}
