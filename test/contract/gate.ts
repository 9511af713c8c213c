/** The gate: while somebody looks after a group's draft, none of its rows is claimed; what was claimed stays good. */
import { describe, expect, it, vi } from "vitest";
import {
  ADDED,
  aHolder,
  DRAFT,
  LONG_MS,
  newToken,
  RELEASED,
  setStage,
  UNKNOWN,
  type Stage,
} from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";

export function gateContract(subject: Subject): void {
  describe("the gate", () => {
    const newLease = () => subject.store.openLease(aHolder(), LONG_MS);
    const waits = async (stage: Stage, row: number): Promise<void> => {
      const request = stage.claimOf(row);
      expect(await subject.second.claim(request)).toMatchObject({ kind: "wait", reason: "draft" });
    };

    it("makes claims wait while it is held, and writes nothing for them", async () => {
      const stage = await setStage(subject.store);
      expect(await subject.store.lockGroup(stage.group, await newLease(), LONG_MS)).toBe(true);
      const before = await subject.store.getGroup(stage.group);
      await waits(stage, 1);
      const answer = await subject.store.claim(stage.claimOf(1));
      expect(answer.kind === "wait" && answer.retryInMs).toBeGreaterThan(0);
      expect(await subject.second.lookup([stage.keyOf(1)])).toEqual([]);
      expect(await subject.second.getGroup(stage.group)).toEqual(before);
    });

    it("is closed to its own holder's claims, too", async () => {
      const stage = await setStage(subject.store);
      await subject.store.lockGroup(stage.group, stage.owner, LONG_MS);
      await waits(stage, 1);
    });

    it("leaves another group alone", async () => {
      const [one, other] = [await setStage(subject.store), await setStage(subject.store)];
      await subject.store.lockGroup(one.group, await newLease(), LONG_MS);
      await other.claim(1);
    });

    it("opens when it is given back", async () => {
      const stage = await setStage(subject.store);
      const owner = await newLease();
      await subject.store.lockGroup(stage.group, owner, LONG_MS);
      await subject.store.unlockGroup(stage.group, stage.owner);
      await waits(stage, 1);
      await subject.second.unlockGroup(stage.group, owner);
      await stage.claim(1);
    });

    it("opens when its time is over", async () => {
      const stage = await setStage(subject.store);
      await subject.store.lockGroup(stage.group, await newLease(), 60);
      const request = stage.claimOf(1);
      await vi.waitFor(async () => expect(await subject.second.claim(request)).toEqual({ kind: "claimed" }), {
        interval: 10,
      });
    });

    it("stays closed as long as its holder repeats it", async () => {
      const stage = await setStage(subject.store);
      const owner = await newLease();
      await subject.store.lockGroup(stage.group, owner, 1);
      expect(await subject.second.lockGroup(stage.group, owner, LONG_MS)).toBe(true);
      const start = await subject.store.now();
      await vi.waitFor(async () => expect(await subject.store.now()).toBeGreaterThan(start + 5), {
        interval: 1,
      });
      await waits(stage, 1);
    });

    it("opens when its holder's lease is lost, and is refused to a holder without one", async () => {
      const stage = await setStage(subject.store);
      const owner = await newLease();
      await subject.store.lockGroup(stage.group, owner, LONG_MS);
      await subject.store.endLease(owner);
      await stage.claim(1);
      expect(await subject.second.lockGroup(stage.group, owner, LONG_MS)).toBe(false);
      await stage.claim(2);
      expect(await subject.second.lockGroup(stage.group, await newLease(), LONG_MS)).toBe(true);
    });

    it("stays closed when the group is opened anew", async () => {
      const stage = await setStage(subject.store, { phase: "new" });
      await subject.store.lockGroup(stage.group, await newLease(), LONG_MS);
      await subject.store.setGroup(stage.group, { phase: "open", draftDatasetId: DRAFT, baseline: 3 });
      await waits(stage, 1);
    });

    it("lets claims that were granted before settle", async () => {
      const stage = await setStage(subject.store);
      const claims = [await stage.claim(1), await stage.claim(2), await stage.claim(3)] as const;
      await subject.store.lockGroup(stage.group, await newLease(), LONG_MS);
      expect(await subject.second.readDoubt(stage.group)).toMatchObject({ sending: 3, unknown: 0 });
      await subject.store.settle(stage.settleOf(claims[0], ADDED));
      await subject.store.settle(stage.settleOf(claims[1], UNKNOWN));
      await subject.store.settle(stage.settleOf(claims[2], RELEASED));
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ added: 1, unknown: 1, sending: 0 });
      await waits(stage, 3);
    });

    it.each(["open", "solo"] as const)(
      "grants a claim again that was granted before, and whose answer was lost (%s)",
      async (phase) => {
        const stage = await setStage(subject.store, { phase });
        const claim = await stage.claim(1);
        await subject.store.lockGroup(stage.group, await newLease(), LONG_MS);
        expect(await subject.second.claim(claim)).toEqual({ kind: "claimed" });
        expect(await subject.second.claim({ ...claim, token: newToken() })).toMatchObject({
          kind: "wait",
          reason: "draft",
        });
        expect(await subject.store.lookup([claim.key])).toMatchObject([
          { state: "sending", token: claim.token },
        ]);
      },
    );

    it("answers as ever for rows with a result and runs that stopped", async () => {
      const stage = await setStage(subject.store);
      await subject.store.settle(stage.settleOf(await stage.claim(1), ADDED));
      await subject.store.lockGroup(stage.group, await newLease(), LONG_MS);
      expect(await subject.second.claim(stage.claimOf(1))).toEqual({ kind: "done" });
      await subject.store.changeRun(stage.run.runId, { state: "paused" });
      expect(await subject.second.claim(stage.claimOf(2))).toEqual({ kind: "stopped" });
    });

    it("is passed by no claim once it was granted, however many race it", async () => {
      for (let round = 0; round < 5; round += 1) {
        const stage = await setStage(subject.store, { rows: 24 });
        const owner = await newLease();
        const race = stage.rows.map(({ row }) =>
          (row % 2 === 0 ? subject.store : subject.second).claim(stage.claimOf(row)),
        );
        const granted = subject.second.lockGroup(stage.group, owner, LONG_MS).then(async (isGranted) => {
          expect(isGranted).toBe(true);
          return subject.second.readDoubt(stage.group);
        });
        const later = granted.then(() =>
          Promise.all(
            stage.rows.map(async ({ row }) => {
              const answer = await subject.store.claim(stage.claimOf(row, { runId: stage.run.runId }));
              expect(answer.kind, "no claim is granted after the lock").not.toBe("claimed");
            }),
          ),
        );
        const answers = await Promise.all(race);
        const atLock = await granted;
        await later;
        const claimed = answers.filter((answer) => answer.kind === "claimed").length;
        expect(atLock.sending, "what was granted, was granted before the lock").toBe(claimed);
        expect(await subject.store.readDoubt(stage.group)).toMatchObject({
          sending: claimed,
          version: atLock.version,
        });
        await subject.store.unlockGroup(stage.group, owner);
      }
    });
  });
}
