/** What a run remembers beside its state: its parent, why it stopped, whose rows are halted, and verdicts. */
import { describe, expect, it } from "vitest";
import type { Verdict } from "../../src/core/store.ts";
import { aHolder, aRun, LONG_MS } from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";

const VERDICT: Verdict = {
  datasetGroupId: 42,
  draftDatasetId: 501,
  kind: "other-writer",
  reason: "2 rows more than were added: 'another' writer\n– or a late request",
  baseline: 10,
  added: 5,
  unknown: 0,
  total: 17,
  landed: 1,
  absent: 2,
  at: 1_800_000_000_123,
};

export function runChangesContract(subject: Subject): void {
  describe("what a run remembers", () => {
    const newRun = async (parent?: string) => {
      const owner = await subject.store.openLease(aHolder(), LONG_MS);
      return subject.store.createRun(aRun(owner, parent === undefined ? {} : { parent }));
    };
    const read = async (runId: string) => {
      const run = await subject.second.getRun(runId);
      if (run === undefined) throw new Error(`there is no run ${runId}`);
      return run;
    };

    it("names the run whose rows it tries again, if there is one", async () => {
      const parent = await newRun();
      expect(parent).toMatchObject({ haltedGroups: [], verdicts: [] });
      expect(parent.parent).toBeUndefined();
      const child = await newRun(parent.runId);
      expect(child.parent).toBe(parent.runId);
      expect(await read(child.runId)).toEqual(child);
      const listed = (await subject.second.listRuns()).find(({ runId }) => runId === child.runId);
      expect(listed?.parent).toBe(parent.runId);
      await subject.store.changeRun(parent.runId, { state: "cancelled" });
      expect(await subject.store.removeRun(parent.runId)).toBe(true);
      expect((await read(child.runId)).parent).toBe(parent.runId);
    });

    it("forgets why it stopped, and when it ended, when it goes on", async () => {
      const { runId } = await newRun();
      const halt = { code: "unauthorized", message: "the key was refused" };
      await subject.store.changeRun(runId, { state: "stopped", halt, finished: true });
      expect(await read(runId)).toMatchObject({ halt });
      expect((await read(runId)).finishedAt).toBeDefined();
      const goOn = { state: "reading", halt: null, finished: false } as const;
      for (const store of [subject.store, subject.second]) {
        expect(await store.changeRun(runId, goOn, ["stopped"])).toBe(true);
        const run = await read(runId);
        expect(run.state).toBe("reading");
        expect(run.halt).toBeUndefined();
        expect(run.finishedAt).toBeUndefined();
      }
      await subject.store.changeRun(runId, { warning: "w" });
      expect((await read(runId)).halt).toBeUndefined();
    });

    it("keeps the first reason for each halted group, and forgets all of them at once", async () => {
      const { runId } = await newRun();
      const halted = (datasetGroupId: number, message: string) =>
        subject.store.changeRun(runId, { haltedGroup: { datasetGroupId, code: "same_error", message } });
      await halted(7, "first 'seven'");
      await halted(3, "three");
      await halted(7, "second seven");
      expect((await read(runId)).haltedGroups).toEqual([
        { datasetGroupId: 7, code: "same_error", message: "first 'seven'" },
        { datasetGroupId: 3, code: "same_error", message: "three" },
      ]);
      await subject.store.changeRun(runId, { warning: "w" });
      expect((await read(runId)).haltedGroups).toHaveLength(2);
      await subject.second.changeRun(runId, { haltedGroup: null });
      await subject.second.changeRun(runId, { haltedGroup: null });
      expect((await read(runId)).haltedGroups).toEqual([]);
      await halted(7, "anew");
      expect((await read(runId)).haltedGroups).toMatchObject([{ message: "anew" }]);
    });

    it("halts no group from a state that the change does not name", async () => {
      const { runId } = await newRun();
      const haltedGroup = { datasetGroupId: 7, code: "same_error", message: "m" };
      expect(await subject.store.changeRun(runId, { haltedGroup }, ["draining"])).toBe(false);
      expect(await subject.store.changeRun(runId, { verdict: VERDICT }, ["verifying"])).toBe(false);
      expect(await read(runId)).toMatchObject({ haltedGroups: [], verdicts: [] });
    });

    it("keeps the last verdict on each group, in the order of the groups", async () => {
      const { runId } = await newRun();
      const verdictOn = async (verdict: Verdict): Promise<void> => {
        for (const store of [subject.store, subject.second]) await store.changeRun(runId, { verdict });
      };
      const bare: Verdict = {
        ...VERDICT,
        datasetGroupId: 5,
        kind: "not-checked",
        draftDatasetId: undefined,
        reason: undefined,
        baseline: undefined,
        total: undefined,
      };
      const verified: Verdict = { ...VERDICT, kind: "verified", reason: undefined, total: 15 };
      await verdictOn(VERDICT);
      await verdictOn({ ...VERDICT, datasetGroupId: 1_000 });
      await verdictOn(bare);
      expect((await read(runId)).verdicts).toEqual([bare, VERDICT, { ...VERDICT, datasetGroupId: 1_000 }]);
      await verdictOn(verified);
      const { verdicts } = await read(runId);
      expect(verdicts).toEqual([bare, verified, { ...VERDICT, datasetGroupId: 1_000 }]);
    });

    it("loses no verdict, group or warning of many that are written at once", async () => {
      const { runId } = await newRun();
      await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (index % 2 === 0 ? subject.store : subject.second).changeRun(runId, {
            warning: `warning ${index}`,
            verdict: { ...VERDICT, datasetGroupId: index },
            haltedGroup: { datasetGroupId: index, code: "same_error", message: "m" },
          }),
        ),
      );
      const run = await read(runId);
      expect(run.verdicts.map(({ datasetGroupId }) => datasetGroupId)).toEqual([...Array(20).keys()]);
      expect(new Set(run.haltedGroups.map(({ datasetGroupId }) => datasetGroupId)).size).toBe(20);
      expect(run.warnings).toHaveLength(20);
    });
  });
}
