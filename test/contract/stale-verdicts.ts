/** Verdicts that come too late: refused as soon as anything changed since the doubt was read. */
import { describe, expect, it } from "vitest";
import type { RowKey } from "../../src/core/row.ts";
import {
  ADDED,
  DRAFT,
  newToken,
  REJECTED,
  RELEASED,
  setStage,
  UNKNOWN,
  type Stage,
} from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";
import { OTHER_DRAFT, verdictCalls } from "./verdict-calls.ts";

export function staleVerdictsContract(subject: Subject): void {
  describe("verdicts that come too late", () => {
    const { settled, turnTo, commit } = verdictCalls(subject);

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
  });
}
