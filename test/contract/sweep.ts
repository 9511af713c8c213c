/** Sweep: rows whose sender is dead, or whose time is over, become unknown. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import { ADDED, aHolder, LONG_MS, REJECTED, setStage, UNKNOWN } from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";

export function sweepContract(subject: Subject): void {
  describe("sweep", () => {
    beforeEach(async () => {
      await subject.store.sweep();
    });

    it("leaves a row alone whose sender lives and whose time is not over", async () => {
      const stage = await setStage(subject.store);
      const claim = await stage.claim(1);
      expect(await subject.second.sweep()).toBe(0);
      expect(await subject.store.lookup([claim.key])).toMatchObject([{ state: "sending" }]);
    });

    it("makes the rows of a sender unknown whose lease was ended", async () => {
      const stage = await setStage(subject.store);
      const owner = await subject.store.openLease(aHolder(), LONG_MS);
      const lost = [await stage.claim(1, { owner }), await stage.claim(2, { owner })];
      const alive = await stage.claim(3);
      const inRowOrder = async () => {
        const entries = await subject.store.lookup(lost.map((claim) => claim.key));
        return entries.toSorted((a, b) => a.row - b.row);
      };
      const before = await inRowOrder();
      await subject.store.endLease(owner);
      expect(await subject.second.sweep()).toBe(2);
      expect(await subject.second.sweep()).toBe(0);
      const after = await inRowOrder();
      expect(after.map((entry) => entry.state)).toEqual(["unknown", "unknown"]);
      for (const [index, entry] of after.entries()) {
        expect({ ...entry, state: "sending" }).toEqual(before[index]);
      }
      expect(await subject.store.lookup([alive.key])).toMatchObject([{ state: "sending" }]);
      for (const claim of lost) {
        const row = await stage.read(claim.row);
        expect(row).toMatchObject({ status: "unknown", errorCode: "worker_lost" });
        expect(row.error).toBeTruthy();
      }
      expect((await subject.store.getRun(stage.run.runId))?.counts).toMatchObject({ unknown: 2, queued: 1 });
      expect(await subject.store.getGroup(stage.group)).toMatchObject({ sending: 1, unknown: 2, added: 0 });
    });

    it("makes the rows of a sender unknown whose lease ran out", async () => {
      const stage = await setStage(subject.store);
      const owner = await subject.store.openLease(aHolder(), 80);
      const claim = await stage.claim(1, { owner });
      await vi.waitFor(
        async () => {
          await subject.second.sweep();
          expect(await subject.second.lookup([claim.key])).toMatchObject([{ state: "unknown" }]);
        },
        { interval: 10 },
      );
      expect(await stage.read(1)).toMatchObject({ status: "unknown", errorCode: "worker_lost" });
    });

    it("makes a row unknown whose time is over, though its sender lives", async () => {
      const stage = await setStage(subject.store);
      const claim = await stage.claim(1, { holdMs: 60 });
      await vi.waitFor(async () => expect(await subject.second.sweep()).toBe(1), { interval: 10 });
      expect(await subject.store.lookup([claim.key])).toMatchObject([
        { state: "unknown", token: claim.token },
      ]);
      expect(await stage.read(1)).toMatchObject({ status: "unknown", errorCode: "worker_lost" });
    });

    it("leaves settled and unknown rows as they are", async () => {
      const stage = await setStage(subject.store);
      const owner = await subject.store.openLease(aHolder(), LONG_MS);
      await subject.store.settle(stage.settleOf(await stage.claim(1, { owner }), ADDED));
      await subject.store.settle(stage.settleOf(await stage.claim(2, { owner }), REJECTED));
      await subject.store.settle(stage.settleOf(await stage.claim(3, { owner }), UNKNOWN));
      const before = await subject.store.readRows(stage.run.runId, { fromRow: 1, limit: 3 });
      await subject.store.endLease(owner);
      expect(await subject.second.sweep()).toBe(0);
      expect(await subject.store.readRows(stage.run.runId, { fromRow: 1, limit: 3 })).toEqual(before);
    });

    it("still takes the sender's word after the sweep", async () => {
      const stage = await setStage(subject.store);
      const owner = await subject.store.openLease(aHolder(), LONG_MS);
      const claims = [await stage.claim(1, { owner }), await stage.claim(2, { owner })] as const;
      await subject.store.endLease(owner);
      await subject.second.sweep();
      await subject.store.settle(stage.settleOf(claims[0], ADDED));
      await subject.store.settle(stage.settleOf(claims[1], REJECTED));
      expect(await stage.read(1)).toMatchObject({ status: "added", errorCode: undefined });
      expect(await stage.read(2)).toMatchObject({ status: "rejected" });
      expect(await subject.store.getGroup(stage.group)).toMatchObject({ sending: 0, unknown: 0, added: 1 });
    });

    it("finds rows of a run that was cancelled", async () => {
      const stage = await setStage(subject.store);
      const owner = await subject.store.openLease(aHolder(), LONG_MS);
      await stage.claim(1, { owner });
      await subject.store.changeRun(stage.run.runId, { state: "cancelled" });
      await subject.store.endLease(owner);
      expect(await subject.second.sweep()).toBe(1);
      expect((await stage.read(1)).status).toBe("unknown");
    });
  });
}
