/** How rows follow the ledger, and go back to the queue: reconcile, requeue, and releases that come late. */
import { describe, expect, it } from "vitest";
import type { RunState } from "../../src/core/status.ts";
import { zeroCounts } from "../../src/core/status.ts";
import type { StoredRow } from "../../src/core/store.ts";
import {
  ADDED,
  aHolder,
  DRAFT,
  LONG_MS,
  newOrigin,
  queuedRow,
  REJECTED,
  RELEASED,
  setStage,
  UNKNOWN,
  type Stage,
} from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";

export function standingContract(subject: Subject): void {
  describe("rows that follow the ledger", () => {
    const unknownRow = async (stage: Stage, row: number, attempts = 1) => {
      const claim = await stage.claim(row);
      await subject.store.settle(stage.settleOf(claim, UNKNOWN, { attempts, httpStatus: 500 }));
      return claim;
    };
    const commit = async (stage: Stage, kind: "landed" | "absent"): Promise<void> => {
      const { version } = await subject.store.readDoubt(stage.group);
      await subject.store.commitVerdict(stage.group, { kind, version, draftDatasetId: DRAFT });
    };
    const countsOf = async ({ run }: Stage) => (await subject.second.getRun(run.runId))?.counts;
    const statusesOf = async ({ run }: Stage): Promise<string[]> =>
      (await subject.second.readRows(run.runId, { fromRow: 1, limit: 100 })).map(({ status }) => status);
    const expectForgotten = (row: StoredRow): void => {
      const { mode, httpStatus, errorCode, error, durationMs } = row;
      expect([mode, httpStatus, errorCode, error, durationMs]).toEqual(Array.from({ length: 5 }));
    };

    it("makes an unknown row added that landed, to the entry's draft, with its attempts", async () => {
      const stage = await setStage(subject.store);
      await unknownRow(stage, 1, 3);
      await commit(stage, "landed");
      expect(await subject.second.reconcile(stage.run.runId, stage.rows)).toBe(1);
      const row = await stage.read(1);
      expect(row).toMatchObject({ status: "added", draftDatasetId: DRAFT, attempts: 3 });
      expect(row.finishedAt).toBeDefined();
      expectForgotten(row);
      expect(await countsOf(stage)).toEqual({ ...zeroCounts(), added: 1, queued: 2 });
      expect(await subject.store.reconcile(stage.run.runId, stage.rows)).toBe(0);
    });

    it("makes a row a duplicate that another run, or another row of this one, added", async () => {
      const origin = newOrigin();
      const rows = [1, 2].map((row) => queuedRow(origin, row, { trace: "twin" }));
      const one = await setStage(subject.store, { rows });
      const other = await setStage(subject.store, { beside: one, rows });
      await unknownRow(one, 1);
      for (const stage of [one, other]) {
        for (const row of [1, 2]) await subject.store.claim(stage.claimOf(row, { group: one.group }));
      }
      await commit(one, "landed");
      expect(await subject.store.reconcile(one.run.runId, rows)).toBe(2);
      expect(await subject.store.reconcile(other.run.runId, rows)).toBe(2);
      expect(await statusesOf(one)).toEqual(["added", "duplicate"]);
      expect(await statusesOf(other)).toEqual(["duplicate", "duplicate"]);
      expect(await other.read(1)).toMatchObject({ draftDatasetId: DRAFT });
      expectForgotten(await other.read(1));
    });

    it.each([
      ["reading", "queued"],
      ["draining", "queued"],
      ["verifying", "queued"],
      ["finished", "unprocessed"],
      ["stopped", "unprocessed"],
      ["paused", "unprocessed"],
      ["interrupted", "unprocessed"],
      ["cancelled", "unprocessed"],
    ] as const satisfies [RunState, string][])(
      "puts back a row without an entry: while the run is %s it becomes %s",
      async (state, status) => {
        const stage = await setStage(subject.store);
        await unknownRow(stage, 1, 2);
        await commit(stage, "absent");
        await subject.store.changeRun(stage.run.runId, { state });
        expect(await subject.store.reconcile(stage.run.runId, stage.rows)).toBe(1);
        const row = await stage.read(1);
        expect(row).toMatchObject({ status, attempts: 2, draftDatasetId: undefined });
        expect(row.finishedAt === undefined).toBe(status === "queued");
        expectForgotten(row);
        expect(await countsOf(stage)).toEqual({
          ...zeroCounts(),
          queued: status === "queued" ? 3 : 2,
          unprocessed: status === "queued" ? 0 : 1,
        });
      },
    );

    it("leaves rows alone whose entry is open, and rows that are not unknown", async () => {
      const stage = await setStage(subject.store, { rows: 6 });
      await unknownRow(stage, 1);
      const owner = await subject.store.openLease(aHolder(), LONG_MS);
      await stage.claim(2, { owner });
      await subject.store.settle(stage.settleOf(await stage.claim(3), REJECTED));
      await subject.store.settle(stage.settleOf(await stage.claim(4), ADDED));
      const before = await subject.store.readRows(stage.run.runId, { fromRow: 1, limit: 10 });
      expect(await subject.second.reconcile(stage.run.runId, stage.rows)).toBe(0);
      expect(await subject.store.reconcile(stage.run.runId, [])).toBe(0);
      expect(await subject.store.reconcile("no-such-run", stage.rows)).toBe(0);
      expect(await subject.store.reconcile(stage.run.runId, [{ row: 99, key: stage.keyOf(1) }])).toBe(0);
      expect(await subject.second.readRows(stage.run.runId, { fromRow: 1, limit: 10 })).toEqual(before);
    });

    it("leaves a row unknown whose key another run is sending now", async () => {
      const one = await setStage(subject.store);
      const other = await setStage(subject.store, { beside: one });
      await unknownRow(one, 1);
      await subject.store.claim(other.claimOf(1));
      await commit(one, "absent");
      await subject.store.reconcile(one.run.runId, one.rows);
      await one.claim(1);
      expect(await subject.second.reconcile(other.run.runId, other.rows)).toBe(0);
      expect((await other.read(1)).status).toBe("unknown");
    });

    it("follows what a person decided", async () => {
      const stage = await setStage(subject.store);
      for (const row of [1, 2]) {
        await unknownRow(stage, row);
        await subject.store.decide({
          key: stage.keyOf(row),
          group: stage.group,
          decision: row === 1 ? "added" : "absent",
          draftDatasetId: undefined,
          by: "ada@host",
          why: "seen",
        });
      }
      expect(await subject.second.reconcile(stage.run.runId, stage.rows)).toBe(2);
      expect(await statusesOf(stage)).toEqual(["added", "queued", "queued"]);
      await subject.store.settle(stage.settleOf(await stage.claim(2), ADDED));
    });

    it("reconciles 1,000 rows in one call, once when two do it", async () => {
      const origin = newOrigin();
      const rows = Array.from({ length: 1_000 }, (_, index) =>
        queuedRow(origin, index + 1, { status: "unknown", errorCode: "held", error: "asked before" }),
      );
      const stage = await setStage(subject.store, { rows });
      const changed = await Promise.all([
        subject.store.reconcile(stage.run.runId, rows),
        subject.second.reconcile(stage.run.runId, rows),
      ]);
      expect(changed[0] + changed[1]).toBe(1_000);
      expect(await countsOf(stage)).toEqual({ ...zeroCounts(), queued: 1_000 });
    });

    it("puts unprocessed rows of the range back in the queue, with their attempts", async () => {
      const stage = await setStage(subject.store, { rows: 5 });
      const { runId } = stage.run;
      await subject.store.settle(stage.settleOf(await stage.claim(2), RELEASED, { attempts: 3 }));
      const again = stage.settleOf(await stage.claim(2), RELEASED, { attempts: 1 });
      for (let told = 0; told < 2; told += 1) await subject.store.settle(again);
      await subject.store.settle(stage.settleOf(await stage.claim(3), ADDED));
      await subject.store.changeRun(runId, { state: "paused" });
      await subject.store.markUnprocessed(runId, stage.rows);
      expect(await subject.store.requeue(runId, { fromRow: 1, toRow: 5 }), "a paused run").toBe(0);
      await subject.store.changeRun(runId, { state: "draining" });
      expect(await subject.second.requeue(runId, { fromRow: 2, toRow: 4 })).toBe(2);
      expect(await subject.store.requeue(runId, { fromRow: 2, toRow: 4 })).toBe(0);
      expect(await statusesOf(stage)).toEqual(["unprocessed", "queued", "added", "queued", "unprocessed"]);
      const row = await stage.read(2);
      expect(row).toMatchObject({ attempts: 4 });
      expect(row.finishedAt).toBeUndefined();
      expect(await countsOf(stage)).toEqual({ ...zeroCounts(), added: 1, queued: 2, unprocessed: 2 });
      await stage.claim(2);
    });

    it.each(["verifying", "finished", "stopped", "interrupted", "cancelled"] satisfies RunState[])(
      "puts nothing back in the queue of a run that is %s",
      async (state) => {
        const stage = await setStage(subject.store);
        const { runId } = stage.run;
        await subject.store.changeRun(runId, { state });
        await subject.store.markUnprocessed(runId, stage.rows);
        expect(await subject.second.requeue(runId, { fromRow: 1, toRow: 1_000 })).toBe(0);
        expect(await countsOf(stage)).toEqual({ ...zeroCounts(), unprocessed: 3 });
        expect(await subject.second.requeue("no-such-run", { fromRow: 1, toRow: 10 })).toBe(0);
      },
    );

    it("requeues 1,000 rows in one call, once when two do it", async () => {
      const stage = await setStage(subject.store, { rows: 1_000 });
      const { runId } = stage.run;
      await subject.store.changeRun(runId, { state: "paused" });
      expect(await subject.store.markUnprocessed(runId, stage.rows)).toBe(1_000);
      await subject.store.changeRun(runId, { state: "reading" });
      const changed = await Promise.all([
        subject.store.requeue(runId, { fromRow: 1, toRow: 1_000 }),
        subject.second.requeue(runId, { fromRow: 1, toRow: 1_000 }),
      ]);
      expect(changed[0] + changed[1]).toBe(1_000);
      expect(await countsOf(stage)).toEqual({ ...zeroCounts(), queued: 1_000 });
    });

    it.each([
      ["draining", "queued"],
      ["verifying", "unprocessed"],
      ["finished", "unprocessed"],
      ["paused", "unprocessed"],
    ] as const satisfies [RunState, string][])(
      "lets a late release of an unknown row leave it, in a run that is %s, %s",
      async (state, status) => {
        const stage = await setStage(subject.store);
        const claim = await unknownRow(stage, 1);
        await subject.store.changeRun(stage.run.runId, { state });
        const release = stage.settleOf(claim, RELEASED, { attempts: 1 });
        await subject.second.settle(release);
        await subject.store.settle(release);
        expect(await stage.read(1)).toMatchObject({ status, attempts: 2 });
        expect(await subject.second.lookup([claim.key])).toEqual([]);
        expect((await countsOf(stage))?.unknown).toBe(0);
      },
    );

    it("leaves a queued row queued that is released in a run that stopped", async () => {
      const stage = await setStage(subject.store);
      const claim = await stage.claim(1);
      await subject.store.changeRun(stage.run.runId, { state: "cancelled" });
      await subject.second.settle(stage.settleOf(claim, RELEASED));
      expect((await stage.read(1)).status).toBe("queued");
      expect(await subject.store.markUnprocessed(stage.run.runId, stage.rows)).toBe(3);
    });
  });
}
