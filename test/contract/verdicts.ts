/** Verdicts on what is in doubt in a group: which entries they end, and what the group counts then. */
import { describe, expect, it } from "vitest";
import { ADDED, DRAFT, REJECTED, setStage, UNKNOWN } from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";
import { OTHER_DRAFT, verdictCalls } from "./verdict-calls.ts";

export function verdictsContract(subject: Subject): void {
  describe("verdicts", () => {
    const { settled, turnTo, commit } = verdictCalls(subject);

    it("makes rows that landed added, and counts them", async () => {
      const stage = await setStage(subject.store, { rows: 3 });
      await settled(stage, 1, ADDED);
      const keys = [await settled(stage, 2, UNKNOWN), await settled(stage, 3, UNKNOWN)];
      const before = await subject.store.lookup(keys);
      expect(await commit(stage, "landed", {}, subject.second)).toBe(2);
      const after = await subject.second.lookup(keys);
      for (const entry of before) {
        expect(after).toContainEqual({
          ...entry,
          state: "added",
          draftDatasetId: DRAFT,
          until: undefined,
        });
      }
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ added: 3, unknown: 0, resent: 0 });
      expect((await stage.read(2)).status, "results do not change").toBe("unknown");
      expect((await subject.store.getRun(stage.run.runId))?.counts).toMatchObject({ added: 1, unknown: 2 });
    });

    it("forgets the entries of rows that are absent, and counts nothing", async () => {
      const stage = await setStage(subject.store, { rows: 3 });
      await settled(stage, 1, ADDED);
      const keys = [await settled(stage, 2, UNKNOWN), await settled(stage, 3, UNKNOWN)];
      expect(await commit(stage, "absent")).toBe(2);
      expect(await subject.second.lookup(keys)).toEqual([]);
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ added: 1, unknown: 0, resent: 0 });
      expect((await stage.read(2)).status, "results do not change").toBe("unknown");
    });

    it("lets unknown rows go again by choice, whatever draft they were for, and counts them as resent", async () => {
      const stage = await setStage(subject.store, { rows: 4 });
      const keys = [await settled(stage, 1, UNKNOWN)];
      await turnTo(stage, OTHER_DRAFT, 5);
      keys.push(await settled(stage, 2, UNKNOWN), await settled(stage, 3, UNKNOWN));
      expect(await commit(stage, "resend", { draftDatasetId: OTHER_DRAFT, keys: keys.slice(0, 2) })).toBe(2);
      expect(await subject.second.lookup(keys)).toMatchObject([{ key: keys[2], state: "unknown" }]);
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ added: 0, resent: 2, unknown: 1 });
      expect(await commit(stage, "resend", { draftDatasetId: OTHER_DRAFT })).toBe(1);
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ resent: 3, baseline: 5 });
    });

    it("forgets what was resent with a new baseline or another draft, and not before", async () => {
      const stage = await setStage(subject.store);
      await settled(stage, 1, UNKNOWN);
      await commit(stage, "resend");
      await turnTo(stage, DRAFT);
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ resent: 1 });
      await turnTo(stage, DRAFT, 9);
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ resent: 0, baseline: 9 });
      await settled(stage, 2, UNKNOWN);
      await commit(stage, "resend");
      await turnTo(stage, OTHER_DRAFT);
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ resent: 0 });
    });

    it("judges the named rows alone, and only those that are in doubt for the draft", async () => {
      const stage = await setStage(subject.store, { rows: 5 });
      const elsewhere = await settled(stage, 1, UNKNOWN);
      await turnTo(stage, OTHER_DRAFT, 0);
      const added = await settled(stage, 2, ADDED);
      const [one, other] = [await settled(stage, 3, UNKNOWN), await settled(stage, 4, UNKNOWN)];
      const draftDatasetId = OTHER_DRAFT;
      const keys = [elsewhere, added, one, stage.keyOf(5)];
      expect(await commit(stage, "landed", { draftDatasetId, keys })).toBe(1);
      expect(await subject.second.readDoubt(stage.group)).toMatchObject({ unknown: 1, elsewhere: 1 });
      expect(await subject.second.lookup([one, other])).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ key: one, state: "added", draftDatasetId }),
          expect.objectContaining({ key: other, state: "unknown" }),
        ]),
      );
      expect(await commit(stage, "absent", { draftDatasetId, keys: [] })).toBe(0);
      expect(await commit(stage, "absent", { draftDatasetId })).toBe(1);
      expect(await subject.second.readDoubt(stage.group)).toMatchObject({ unknown: 0, elsewhere: 1 });
    });

    it("judges nothing where no draft is known", async () => {
      const stage = await setStage(subject.store, { phase: "solo" });
      const key = await settled(stage, 1, UNKNOWN);
      const draftDatasetId = undefined;
      expect(await commit(stage, "landed", { draftDatasetId })).toBe(0);
      expect(await commit(stage, "absent", { draftDatasetId })).toBe(0);
      expect(await subject.second.lookup([key])).toMatchObject([{ state: "unknown" }]);
      expect(await commit(stage, "resend", { draftDatasetId })).toBe(1);
    });

    it("takes a 201 for a row that a verdict called landed as the one it counted", async () => {
      const stage = await setStage(subject.store);
      const claim = await stage.claim(1);
      await subject.store.settle(stage.settleOf(claim, UNKNOWN));
      await commit(stage, "landed");
      await subject.store.settle(stage.settleOf(claim, ADDED));
      await subject.store.settle(stage.settleOf(claim, REJECTED));
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ added: 1 });
      expect(await subject.second.lookup([claim.key])).toMatchObject([{ state: "added" }]);
    });

    it("judges 300 rows in one step", async () => {
      const stage = await setStage(subject.store, { rows: 300 });
      const claims = await Promise.all(stage.rows.map(({ row }) => stage.claim(row)));
      await Promise.all(claims.map((claim) => subject.store.settle(stage.settleOf(claim, UNKNOWN))));
      const keys = stage.rows.map(({ key }) => key);
      expect(await commit(stage, "absent", { keys: keys.slice(0, 120) })).toBe(120);
      expect(await commit(stage, "landed")).toBe(180);
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ added: 180, unknown: 0 });
      expect(await subject.second.lookup(keys)).toHaveLength(180);
    });
  });
}
