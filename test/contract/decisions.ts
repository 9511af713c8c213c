/** Decisions of people about entries: what becomes of entry and group, and the notes that are kept of them. */
import { describe, expect, it } from "vitest";
import type { LedgerNote, SeenEntry } from "../../src/core/store.ts";
import { ADDED, DRAFT, newToken, setStage, UNKNOWN, type Stage } from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";

const OTHER_DRAFT = 777;
const BY = 'Åda "o\'B"@host';

export function decisionsContract(subject: Subject): void {
  describe("a person's decision", () => {
    const decide = (
      stage: Stage,
      row: number,
      decision: LedgerNote["decision"],
      change: { draftDatasetId?: number; why?: string; seen?: SeenEntry } = {},
      store = subject.store,
    ): Promise<boolean> =>
      store.decide({
        key: stage.keyOf(row),
        group: stage.group,
        decision,
        draftDatasetId: undefined,
        by: BY,
        why: "seen in the app",
        ...change,
      });
    const unknownRow = async (stage: Stage, row: number) => {
      const claim = await stage.claim(row);
      await subject.store.settle(stage.settleOf(claim, UNKNOWN));
      return claim;
    };
    const addedRow = async (stage: Stage, row: number, draftDatasetId = DRAFT) => {
      const claim = await stage.claim(row);
      await subject.store.settle(stage.settleOf(claim, { ...ADDED, draftDatasetId }));
      return claim;
    };
    const turnTo = (stage: Stage, draftDatasetId: number) =>
      subject.store.setGroup(stage.group, { phase: "open", draftDatasetId, baseline: 0 });
    const entryOf = async (stage: Stage, row: number) => (await subject.second.lookup([stage.keyOf(row)]))[0];
    const groupOf = (stage: Stage) => subject.second.getGroup(stage.group);
    const saysOf = async (stage: Stage, row: number): Promise<string[]> =>
      (await subject.second.readNotes(stage.keyOf(row))).map(({ decision, why }) => `${decision}: ${why}`);

    it("makes an unknown entry added to the draft it was claimed for, and counts it", async () => {
      const stage = await setStage(subject.store);
      await unknownRow(stage, 1);
      const before = await entryOf(stage, 1);
      expect(await decide(stage, 1, "added")).toBe(true);
      expect(await entryOf(stage, 1)).toEqual({
        ...before,
        state: "added",
        draftDatasetId: DRAFT,
        until: undefined,
      });
      expect(await groupOf(stage)).toMatchObject({ added: 1, unknown: 0, resent: 0 });
      expect((await stage.read(1)).status, "results do not change").toBe("unknown");
    });

    it("removes an unknown entry that is absent, and counts nothing", async () => {
      const stage = await setStage(subject.store);
      await unknownRow(stage, 1);
      expect(await decide(stage, 1, "absent")).toBe(true);
      expect(await entryOf(stage, 1)).toBeUndefined();
      expect(await groupOf(stage)).toMatchObject({ added: 0, unknown: 0, resent: 0 });
      expect((await stage.read(1)).status, "results do not change").toBe("unknown");
    });

    it("is refused, and not noted, while the entry is sending", async () => {
      const stage = await setStage(subject.store);
      const claim = await stage.claim(1);
      expect(await decide(stage, 1, "absent")).toBe(false);
      expect(await decide(stage, 1, "added")).toBe(false);
      expect(await entryOf(stage, 1)).toMatchObject({ state: "sending", token: claim.token });
      expect(await saysOf(stage, 1)).toEqual([]);
    });

    it("is refused, and not noted, where the entry is not as it was seen; repeated, it is granted again", async () => {
      const stage = await setStage(subject.store, { rows: 4 });
      const seenOf = async (row: number): Promise<SeenEntry> => (await entryOf(stage, row)) ?? "none";
      const unknown = await unknownRow(stage, 1);
      const seen = await seenOf(1);
      await subject.store.settle(stage.settleOf(unknown, ADDED));
      expect(await decide(stage, 1, "absent", { seen })).toBe(false);
      expect(await entryOf(stage, 1)).toMatchObject({ state: "added", token: unknown.token });
      const { token } = await unknownRow(stage, 2);
      const another: SeenEntry = { state: "unknown", token: newToken() };
      for (const other of [another, "none"] as const) {
        expect(await decide(stage, 2, "absent", { seen: other })).toBe(false);
        expect(await decide(stage, 2, "added", { seen: other })).toBe(false);
      }
      expect(await decide(stage, 3, "added", { seen: another })).toBe(false);
      expect(await entryOf(stage, 3)).toBeUndefined();
      for (const row of [1, 2, 3]) expect(await saysOf(stage, row)).toEqual([]);
      for (const store of [subject.store, subject.second]) {
        expect(await decide(stage, 2, "added", { seen: { state: "unknown", token } }, store)).toBe(true);
        expect(await decide(stage, 4, "added", { seen: "none" }, store)).toBe(true);
      }
      expect(await entryOf(stage, 2)).toMatchObject({ state: "added", token });
      const added = await seenOf(4);
      for (const store of [subject.store, subject.second]) {
        expect(await decide(stage, 4, "absent", { seen: added }, store)).toBe(true);
      }
      expect(await saysOf(stage, 4)).toEqual(["added: seen in the app", "absent: seen in the app"]);
    });

    it("keeps who, what, why and when, oldest first", async () => {
      const stage = await setStage(subject.store);
      const before = await subject.store.now();
      await decide(stage, 1, "added", { why: "seen: 'x'\n\u2028\"ü\" – 100 %" });
      await decide(stage, 1, "absent", { why: "" });
      const notes = await subject.second.readNotes(stage.keyOf(1));
      expect(notes).toMatchObject([
        { by: BY, decision: "added", why: "seen: 'x'\n\u2028\"ü\" – 100 %" },
        { by: BY, decision: "absent", why: "" },
      ]);
      for (const note of notes) expect(note.at).toBeGreaterThanOrEqual(before - 1);
      expect(await subject.store.readNotes(stage.keyOf(2))).toEqual([]);
    });

    it("is noted once when it is repeated, and again when something changed in between", async () => {
      const stage = await setStage(subject.store);
      await unknownRow(stage, 1);
      await Promise.all([decide(stage, 1, "absent"), decide(stage, 1, "absent", {}, subject.second)]);
      const once = await groupOf(stage);
      expect(await decide(stage, 1, "absent")).toBe(true);
      expect(await groupOf(stage)).toEqual(once);
      expect(await saysOf(stage, 1)).toEqual(["absent: seen in the app"]);
      await decide(stage, 1, "absent", { why: "for another reason" });
      await unknownRow(stage, 2);
      await decide(stage, 2, "absent");
      await subject.store.settle(stage.settleOf(stage.claimOf(2), ADDED));
      await decide(stage, 2, "absent");
      expect(await saysOf(stage, 1)).toEqual(["absent: seen in the app", "absent: for another reason"]);
      expect(await saysOf(stage, 2)).toEqual(["absent: seen in the app", "absent: seen in the app"]);
    });

    it("makes an entry from nothing, of no run, that no count knows of", async () => {
      const stage = await setStage(subject.store);
      expect(await decide(stage, 1, "added", {}, subject.second)).toBe(true);
      expect(await entryOf(stage, 1)).toEqual({
        key: stage.keyOf(1),
        state: "added",
        token: "0".repeat(16),
        runSeq: 0,
        row: 0,
        draftDatasetId: DRAFT,
        until: undefined,
      });
      expect(await groupOf(stage)).toMatchObject({ added: 0, resent: 1 });
      expect(await subject.store.claim(stage.claimOf(1))).toEqual({ kind: "already-added", own: false });
      expect(await decide(stage, 2, "added", { draftDatasetId: OTHER_DRAFT })).toBe(true);
      expect(await entryOf(stage, 2)).toMatchObject({ draftDatasetId: OTHER_DRAFT });
      expect(await groupOf(stage)).toMatchObject({ added: 0, resent: 1 });
    });

    it("decides about a row of a group that nobody has seen", async () => {
      const stage = await setStage(subject.store, { phase: "new" });
      expect(await decide(stage, 1, "absent")).toBe(true);
      expect(await decide(stage, 2, "added")).toBe(true);
      const entry = await entryOf(stage, 2);
      expect(entry).toMatchObject({ state: "added" });
      expect(entry?.draftDatasetId).toBeUndefined();
      expect(await groupOf(stage)).toMatchObject({ phase: "new", added: 0, resent: 0 });
      expect(await saysOf(stage, 1)).toEqual(["absent: seen in the app"]);
    });

    it("counts as put right what is taken out of the present draft, so that its count proves nothing", async () => {
      const stage = await setStage(subject.store, { rows: 4 });
      for (const row of [1, 2, 3]) await addedRow(stage, row);
      await addedRow(stage, 4, OTHER_DRAFT);
      await decide(stage, 1, "absent");
      expect(await entryOf(stage, 1)).toBeUndefined();
      expect(await groupOf(stage)).toMatchObject({ added: 3, resent: 1 });
      await decide(stage, 2, "added", { draftDatasetId: OTHER_DRAFT });
      expect(await entryOf(stage, 2)).toMatchObject({ state: "added", draftDatasetId: OTHER_DRAFT });
      expect(await groupOf(stage)).toMatchObject({ added: 3, resent: 2 });
      await decide(stage, 4, "absent");
      expect(await groupOf(stage)).toMatchObject({ added: 3, resent: 2 });
      const before = await groupOf(stage);
      await decide(stage, 3, "added");
      expect(await groupOf(stage)).toEqual(before);
      expect(await saysOf(stage, 3)).toEqual(["added: seen in the app"]);
    });

    it("puts a row that was claimed for an earlier draft where the person says", async () => {
      const stage = await setStage(subject.store, { rows: 4 });
      for (const row of [1, 2, 3]) await unknownRow(stage, row);
      await turnTo(stage, OTHER_DRAFT);
      await decide(stage, 1, "added");
      expect(await entryOf(stage, 1)).toMatchObject({ draftDatasetId: DRAFT });
      await decide(stage, 2, "absent");
      expect(await groupOf(stage)).toMatchObject({ added: 0, resent: 0, unknown: 1 });
      await decide(stage, 3, "added", { draftDatasetId: OTHER_DRAFT });
      expect(await entryOf(stage, 3)).toMatchObject({ draftDatasetId: OTHER_DRAFT });
      expect(await groupOf(stage)).toMatchObject({ added: 0, resent: 1, unknown: 0 });
    });

    it("takes the present draft where none was known when the row was claimed", async () => {
      const stage = await setStage(subject.store, { phase: "solo" });
      await unknownRow(stage, 1);
      await turnTo(stage, DRAFT);
      await decide(stage, 1, "added");
      expect(await entryOf(stage, 1)).toMatchObject({ state: "added", draftDatasetId: DRAFT });
      expect(await groupOf(stage)).toMatchObject({ added: 0, resent: 1 });
    });

    it("does not count a row of the present draft that turns out to be in another", async () => {
      const stage = await setStage(subject.store);
      await unknownRow(stage, 1);
      await decide(stage, 1, "added", { draftDatasetId: OTHER_DRAFT });
      expect(await entryOf(stage, 1)).toMatchObject({ state: "added", draftDatasetId: OTHER_DRAFT });
      expect(await groupOf(stage)).toMatchObject({ added: 0, resent: 0, unknown: 0 });
    });

    it("takes a late 201 of the row as counted when it was called added", async () => {
      const stage = await setStage(subject.store);
      const claim = await unknownRow(stage, 1);
      await decide(stage, 1, "added");
      await subject.store.settle(stage.settleOf(claim, ADDED));
      expect(await groupOf(stage)).toMatchObject({ added: 1 });
      await subject.store.settle(stage.settleOf({ ...claim, token: newToken() }, ADDED));
      expect(await groupOf(stage)).toMatchObject({ added: 2 });
    });

    it("lets one decision and one answer, made at once, count the row once", async () => {
      for (let round = 0; round < 10; round += 1) {
        const stage = await setStage(subject.store, { rows: 1 });
        const claim = await unknownRow(stage, 1);
        await Promise.all([
          decide(stage, 1, "added", {}, subject.second),
          subject.store.settle(stage.settleOf(claim, ADDED)),
        ]);
        expect(await groupOf(stage)).toMatchObject({ added: 1, unknown: 0, resent: 0 });
      }
    });
  });
}
