/** What is in doubt in a group, and verdicts on it: refused as soon as anything changed since the doubt was read. */
import { describe, expect, it } from "vitest";
import type { RowKey } from "../../src/core/row.ts";
import type { Settlement } from "../../src/core/store.ts";
import {
  ADDED,
  aHolder,
  DRAFT,
  LONG_MS,
  newToken,
  REJECTED,
  RELEASED,
  setStage,
  UNKNOWN,
  type Stage,
} from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";

const OTHER_DRAFT = 777;

export function verdictsContract(subject: Subject): void {
  describe("doubt and verdicts", () => {
    const settled = async (stage: Stage, row: number, settlement: Settlement): Promise<RowKey> => {
      const claim = await stage.claim(row);
      await subject.store.settle(stage.settleOf(claim, settlement));
      return claim.key;
    };
    const turnTo = (stage: Stage, draftDatasetId: number, baseline?: number) =>
      subject.store.setGroup(stage.group, { phase: "open", draftDatasetId, baseline });
    const commit = async (
      stage: Stage,
      kind: "landed" | "absent" | "resend",
      change: { version?: number; draftDatasetId?: number | undefined; keys?: RowKey[] } = {},
      store = subject.store,
    ): Promise<number | undefined> => {
      const version = change.version ?? (await subject.store.readDoubt(stage.group)).version;
      return store.commitVerdict(stage.group, { kind, draftDatasetId: DRAFT, ...change, version });
    };

    it("has no doubt about a group that nobody has seen, nor makes it by asking", async () => {
      const stage = await setStage(subject.store, { phase: "new" });
      const doubt = await subject.store.readDoubt(stage.group);
      expect(doubt).toMatchObject({ sending: 0, unknown: 0, elsewhere: 0 });
      expect(doubt.until).toBeUndefined();
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
      await turnTo(stage, DRAFT, 0);
      await settled(stage, 2, UNKNOWN);
      await settled(stage, 3, UNKNOWN);
      expect(await subject.second.readDoubt(stage.group)).toMatchObject({ unknown: 2, elsewhere: 1 });
      await turnTo(stage, OTHER_DRAFT, 0);
      await settled(stage, 4, UNKNOWN);
      const [own] = await subject.store.lookup([stage.keyOf(4)]);
      expect(await subject.second.readDoubt(stage.group)).toMatchObject({
        unknown: 1,
        elsewhere: 3,
        until: own?.until,
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

    it.each(["landed", "absent", "resend"] as const)(
      "refuses %s once the doubt was settled, under the version read before",
      async (kind) => {
        const stage = await setStage(subject.store);
        const key = await settled(stage, 1, UNKNOWN);
        const { version } = await subject.store.readDoubt(stage.group);
        expect(await commit(stage, kind, { version })).toBe(1);
        const once = [await subject.store.getGroup(stage.group), await subject.store.lookup([key])];
        expect(await commit(stage, kind, { version }, subject.second)).toBeUndefined();
        expect([await subject.second.getGroup(stage.group), await subject.second.lookup([key])]).toEqual(
          once,
        );
      },
    );

    it("changes nothing, and is not refused, where there is nothing to judge", async () => {
      const stage = await setStage(subject.store);
      const { version } = await subject.store.readDoubt(stage.group);
      expect(await commit(stage, "landed", { version })).toBe(0);
      expect(await commit(stage, "landed", { version })).toBe(0);
    });

    it.each<[string, (stage: Stage) => Promise<unknown>]>([
      ["a row was claimed", (stage) => stage.claim(2)],
      ["a row was claimed and released", (stage) => settled(stage, 2, RELEASED)],
      ["a row was claimed and refused", (stage) => settled(stage, 2, REJECTED)],
      ["a row was added", (stage) => settled(stage, 2, ADDED)],
      ["another row became unknown", (stage) => settled(stage, 2, UNKNOWN)],
      [
        "a 201 came late",
        (stage) => subject.second.settle(stage.settleOf(stage.claimOf(1, { token: newToken() }), ADDED)),
      ],
      [
        "a person decided about another row",
        (stage) =>
          subject.second.decide({
            key: stage.keyOf(2),
            group: stage.group,
            decision: "added",
            draftDatasetId: undefined,
            by: "ada@host",
            why: "seen",
          }),
      ],
      ["the draft was set anew with another baseline", (stage) => turnTo(stage, DRAFT, 8)],
      [
        "the draft changed to another and back",
        async (stage) => {
          await turnTo(stage, OTHER_DRAFT);
          await turnTo(stage, DRAFT);
        },
      ],
      ["added entries were forgotten", (stage) => subject.second.removeEntries(stage.group, 10)],
      [
        "an entry came from another store",
        (stage) =>
          subject.second.putEntries([
            {
              key: stage.keyOf(2),
              group: stage.group,
              state: "unknown",
              token: newToken(),
              draftDatasetId: DRAFT,
              until: 1,
            },
          ]),
      ],
    ])("refuses every verdict when, since the doubt was read, %s", async (_what, change) => {
      const stage = await setStage(subject.store, { rows: 3 });
      await settled(stage, 3, ADDED);
      const key = await settled(stage, 1, UNKNOWN);
      const { version } = await subject.store.readDoubt(stage.group);
      await change(stage);
      const before = [await subject.store.getGroup(stage.group), await subject.store.lookup([key])];
      for (const kind of ["landed", "absent", "resend"] as const) {
        expect(await commit(stage, kind, { version }), kind).toBeUndefined();
      }
      expect([await subject.second.getGroup(stage.group), await subject.second.lookup([key])]).toEqual(
        before,
      );
    });

    it("refuses a verdict on another draft than the present one", async () => {
      const stage = await setStage(subject.store);
      const key = await settled(stage, 1, UNKNOWN);
      for (const draftDatasetId of [OTHER_DRAFT, undefined]) {
        for (const kind of ["landed", "absent", "resend"] as const) {
          expect(await commit(stage, kind, { draftDatasetId })).toBeUndefined();
        }
      }
      expect(await subject.second.lookup([key])).toMatchObject([{ state: "unknown" }]);
    });

    it("refuses a verdict while anything of the group is sending", async () => {
      const stage = await setStage(subject.store);
      await settled(stage, 1, UNKNOWN);
      const claim = await stage.claim(2);
      expect(await commit(stage, "landed")).toBeUndefined();
      expect(await commit(stage, "absent", { keys: [stage.keyOf(1)] })).toBeUndefined();
      await subject.store.settle(stage.settleOf(claim, RELEASED));
      expect(await commit(stage, "landed")).toBe(1);
    });

    it("lets one of two verifiers commit who read the same version", async () => {
      for (let round = 0; round < 10; round += 1) {
        const stage = await setStage(subject.store, { rows: 4 });
        const keys: RowKey[] = [];
        for (const { row } of stage.rows) keys.push(await settled(stage, row, UNKNOWN));
        const { version } = await subject.store.readDoubt(stage.group);
        const answers = await Promise.all([
          commit(stage, "landed", { version }, subject.store),
          commit(stage, "absent", { version }, subject.second),
        ]);
        expect(answers).toContain(4);
        expect(answers).toContain(undefined);
        const landed = answers[0] === 4;
        expect(await subject.store.getGroup(stage.group)).toMatchObject({
          added: landed ? 4 : 0,
          unknown: 0,
        });
        expect(await subject.store.lookup(keys)).toHaveLength(landed ? 4 : 0);
      }
    });

    it("commits no verdict past an answer that arrives at the same moment", async () => {
      for (let round = 0; round < 10; round += 1) {
        const stage = await setStage(subject.store, { rows: 1 });
        const claim = await stage.claim(1);
        await subject.store.settle(stage.settleOf(claim, UNKNOWN));
        const { version } = await subject.store.readDoubt(stage.group);
        const [answer] = await Promise.all([
          commit(stage, "landed", { version }, subject.second),
          subject.store.settle(stage.settleOf(claim, ADDED)),
        ]);
        expect([1, undefined]).toContain(answer);
        expect(await subject.store.getGroup(stage.group)).toMatchObject({ added: 1, unknown: 0 });
        expect(await subject.store.lookup([claim.key])).toMatchObject([
          { state: "added", token: claim.token },
        ]);
      }
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
