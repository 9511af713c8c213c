/** Runs: made, found, changed, removed. */
import { describe, expect, it } from "vitest";
import type { RunState } from "../../src/core/status.ts";
import { zeroCounts } from "../../src/core/status.ts";
import {
  ADDED,
  aHolder,
  aRun,
  LONG_MS,
  queuedRow,
  RELEASED,
  setStage,
  UNKNOWN,
} from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";

export function runsContract(subject: Subject): void {
  describe("runs", () => {
    const newLease = () => subject.store.openLease(aHolder(), LONG_MS);
    const moved = async (runId: string, state: RunState): Promise<void> => {
      expect(await subject.store.changeRun(runId, { state })).toBe(true);
    };

    it("gives back a new run as it was made, reading, with nothing counted", async () => {
      const owner = await newLease();
      const asked = aRun(owner, {
        sources: ["a 'b'.csv", 'ü"\n.csv', "-"],
        options: { rate: 10.5, nested: { list: [1, null, "x\u2028y"], empty: [] }, none: {}, no: false },
      });
      const created = await subject.store.createRun(asked);
      expect(created).toMatchObject({
        ...asked,
        state: "reading",
        ownerAlive: true,
        sourceComplete: false,
        warnings: [],
        counts: zeroCounts(),
      });
      expect(created.halt).toBeUndefined();
      expect(created.finishedAt).toBeUndefined();
      expect(await subject.second.getRun(asked.runId)).toEqual(created);
    });

    it("answers the same run when its making is repeated", async () => {
      const asked = aRun(await newLease());
      const created = await subject.store.createRun(asked);
      expect(await subject.second.createRun(asked)).toEqual(created);
    });

    it("refuses an id that another fingerprint or another owner has", async () => {
      const asked = aRun(await newLease());
      await subject.store.createRun(asked);
      const others = [
        { ...asked, fingerprint: "f".repeat(64) },
        { ...asked, owner: await newLease() },
      ];
      for (const other of others) {
        await expect(subject.second.createRun(other)).rejects.toMatchObject({ code: "run_exists" });
      }
      expect(await subject.store.getRun(asked.runId)).toMatchObject({
        fingerprint: asked.fingerprint,
        owner: asked.owner,
      });
    });

    it("lets one of two win who make a run of the same id at once", async () => {
      const first = aRun(await newLease());
      const second = { ...first, owner: await newLease() };
      const answers = await Promise.allSettled([
        subject.store.createRun(first),
        subject.second.createRun(second),
      ]);
      expect(answers.map((answer) => answer.status).toSorted()).toEqual(["fulfilled", "rejected"]);
    });

    it("knows no run by an id that was never made", async () => {
      expect(await subject.store.getRun("no-such-run")).toBeUndefined();
      expect(await subject.store.changeRun("no-such-run", { state: "paused" })).toBe(false);
      expect(await subject.store.readRows("no-such-run", { fromRow: 1, limit: 10 })).toEqual([]);
      expect(await subject.store.markUnprocessed("no-such-run", [])).toBe(0);
    });

    it("lists runs newest first, by state, and no more than asked for", async () => {
      const owner = await newLease();
      const ids: string[] = [];
      for (let index = 0; index < 3; index += 1) {
        const run = await subject.store.createRun(aRun(owner));
        ids.unshift(run.runId);
      }
      const [newest = "", middle = "", oldest = ""] = ids;
      await moved(newest, "cancelled");
      await moved(oldest, "cancelled");
      const all = (await subject.second.listRuns()).map((run) => run.runId);
      expect(all.slice(0, 3)).toEqual(ids);
      const cancelled = (await subject.second.listRuns({ states: ["cancelled"] })).map((run) => run.runId);
      expect(cancelled.slice(0, 2)).toEqual([newest, oldest]);
      const either = await subject.second.listRuns({ states: ["reading", "cancelled"], limit: 2 });
      expect(either.map((run) => run.runId)).toEqual([newest, middle]);
    });

    it("gives each run a number of its own that only grows", async () => {
      const owner = await newLease();
      const first = await subject.store.createRun(aRun(owner));
      const second = await subject.second.createRun(aRun(owner));
      expect(first.seq).toBeGreaterThanOrEqual(1);
      expect(second.seq).toBeGreaterThan(first.seq);
    });

    it("sees that a run's owner is gone", async () => {
      const owner = await newLease();
      const { runId } = await subject.store.createRun(aRun(owner));
      await subject.store.endLease(owner);
      expect(await subject.second.getRun(runId)).toMatchObject({ owner, ownerAlive: false });
      const heir = await newLease();
      expect(await subject.store.changeRun(runId, { owner: heir })).toBe(true);
      expect(await subject.second.getRun(runId)).toMatchObject({ owner: heir, ownerAlive: true });
    });

    it("applies a change only from the states it names", async () => {
      const { runId } = await subject.store.createRun(aRun(await newLease()));
      expect(await subject.store.changeRun(runId, { state: "verifying", warning: "no" }, ["draining"])).toBe(
        false,
      );
      expect(await subject.store.getRun(runId)).toMatchObject({ state: "reading", warnings: [] });
      expect(
        await subject.store.changeRun(runId, { state: "draining", owner: null, sourceComplete: true }, [
          "reading",
        ]),
      ).toBe(true);
      const run = await subject.second.getRun(runId);
      expect(run).toMatchObject({ state: "draining", ownerAlive: false, sourceComplete: true });
      expect(run?.owner).toBeUndefined();
    });

    it("counts a state that is already reached as applied", async () => {
      const { runId } = await subject.store.createRun(aRun(await newLease()));
      const halt = { code: "unauthorized", message: 'the key\'s "rights" were refused\n(401)' };
      const change = { state: "stopped", halt, finished: true, warning: "w" } as const;
      expect(await subject.store.changeRun(runId, change, ["reading", "draining"])).toBe(true);
      const stopped = await subject.store.getRun(runId);
      expect(stopped).toMatchObject({ state: "stopped", halt, warnings: ["w"] });
      expect(stopped?.finishedAt).toBeDefined();
      expect(await subject.second.changeRun(runId, change, ["reading", "draining"])).toBe(true);
      expect(await subject.second.getRun(runId)).toEqual(stopped);
    });

    it("keeps each warning once, in order", async () => {
      const { runId } = await subject.store.createRun(aRun(await newLease()));
      for (const warning of ["one", "two 'quoted'", "one", "two 'quoted'", "three"]) {
        await subject.store.changeRun(runId, { warning });
      }
      expect((await subject.second.getRun(runId))?.warnings).toEqual(["one", "two 'quoted'", "three"]);
    });

    it("removes a run that is over with its rows, and never its ledger", async () => {
      const stage = await setStage(subject.store);
      const { runId } = stage.run;
      await subject.store.settle(stage.settleOf(await stage.claim(1), ADDED));
      expect(await subject.store.removeRun(runId)).toBe(false);
      await moved(runId, "cancelled");
      expect(await subject.store.removeRun(runId)).toBe(true);
      expect(await subject.store.removeRun(runId)).toBe(true);
      expect(await subject.second.getRun(runId)).toBeUndefined();
      expect(await subject.second.readRows(runId, { fromRow: 1, limit: 10 })).toEqual([]);
      expect((await subject.second.listRuns()).map((run) => run.runId)).not.toContain(runId);
      expect(await subject.second.lookup([stage.keyOf(1)])).toMatchObject([{ state: "added" }]);
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ added: 1 });
    });

    it("does not remove a run with rows that are sending or unknown", async () => {
      const stage = await setStage(subject.store);
      const { runId } = stage.run;
      const claim = await stage.claim(1);
      await moved(runId, "cancelled");
      expect(await subject.store.removeRun(runId)).toBe(false);
      await subject.store.settle(stage.settleOf(claim, UNKNOWN));
      expect(await subject.store.removeRun(runId)).toBe(false);
      expect(await subject.second.readRows(runId, { fromRow: 1, limit: 10 })).toHaveLength(3);
      await subject.store.settle(stage.settleOf(claim, RELEASED));
      expect(await subject.store.removeRun(runId)).toBe(true);
    });

    it("lets only ledger and group hear of a row whose run was removed", async () => {
      const stage = await setStage(subject.store);
      const { runId } = stage.run;
      const claim = await stage.claim(1);
      await subject.store.settle(stage.settleOf(claim, RELEASED));
      await moved(runId, "cancelled");
      expect(await subject.store.removeRun(runId)).toBe(true);
      expect(await subject.store.claim(stage.claimOf(2))).toEqual({ kind: "stopped" });
      await subject.second.settle(stage.settleOf(claim, ADDED));
      await subject.second.settle(stage.settleOf(claim, ADDED));
      expect(await subject.store.lookup([claim.key])).toMatchObject([
        { state: "added", token: claim.token, draftDatasetId: 501 },
      ]);
      expect(await subject.store.getGroup(stage.group)).toMatchObject({ added: 1, sending: 0, unknown: 0 });
      expect(await subject.store.getRun(runId)).toBeUndefined();
      expect(await subject.store.readRows(runId, { fromRow: 1, limit: 10 })).toEqual([]);
    });

    it("refuses rows for a run that is not there", async () => {
      await expect(
        subject.store.putRows("no-such-run", [queuedRow("https://x.test", 1)]),
      ).rejects.toMatchObject({ code: "run_not_found" });
      expect(await subject.store.readRows("no-such-run", { fromRow: 1, limit: 10 })).toEqual([]);
    });
  });
}
