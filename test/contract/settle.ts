/** Settle: always acknowledged, and what it changes when it comes in time, twice, late, or under a stale token. */
import { describe, expect, it } from "vitest";
import { zeroCounts } from "../../src/core/status.ts";
import {
  ADDED,
  DRAFT,
  FAILED,
  newToken,
  REJECTED,
  RELEASED,
  setStage,
  UNKNOWN,
} from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";

export function settleContract(subject: Subject): void {
  describe("settle", () => {
    it("records entry, result and counts of an added row", async () => {
      const stage = await setStage(subject.store);
      const claim = await stage.claim(1);
      const before = await subject.store.now();
      const settlement = {
        ...ADDED,
        mode: "span" as const,
        warning: { code: "mode_mismatch", message: "a 'trace' was sent\nand a span answered" },
      };
      await subject.store.settle(
        stage.settleOf(claim, settlement, { attempts: 3, httpStatus: 200, durationMs: 1_234 }),
      );
      const row = await stage.read(1);
      expect(row).toMatchObject({
        status: "added",
        draftDatasetId: DRAFT,
        mode: "span",
        attempts: 3,
        httpStatus: 200,
        durationMs: 1_234,
        errorCode: "mode_mismatch",
        error: "a 'trace' was sent\nand a span answered",
      });
      expect(row.finishedAt).toBeGreaterThanOrEqual(before - 1_000);
      expect(await subject.second.lookup([claim.key])).toEqual([
        {
          key: claim.key,
          state: "added",
          token: claim.token,
          runSeq: stage.run.seq,
          row: 1,
          draftDatasetId: DRAFT,
          until: undefined,
        },
      ]);
      expect((await subject.second.getRun(stage.run.runId))?.counts).toMatchObject({ added: 1, queued: 2 });
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ added: 1, sending: 0, unknown: 0 });
    });

    it("records an added row without a warning as one without", async () => {
      const stage = await setStage(subject.store);
      await subject.store.settle(stage.settleOf(await stage.claim(1), ADDED));
      const row = await stage.read(1);
      expect(row).toMatchObject({ status: "added", mode: "trace" });
      expect(row.errorCode).toBeUndefined();
      expect(row.error).toBeUndefined();
    });

    it.each([
      ["rejected", REJECTED],
      ["failed", FAILED],
    ] as const)("records a %s row and forgets its entry", async (status, settlement) => {
      const stage = await setStage(subject.store);
      const claim = await stage.claim(1);
      await subject.store.settle(
        stage.settleOf(claim, settlement, { attempts: 2, httpStatus: 404, durationMs: 7 }),
      );
      expect(await stage.read(1)).toMatchObject({
        status,
        errorCode: settlement.code,
        error: settlement.message,
        attempts: 2,
        httpStatus: 404,
        durationMs: 7,
      });
      expect(await subject.second.lookup([claim.key])).toEqual([]);
      expect((await subject.second.getRun(stage.run.runId))?.counts).toMatchObject({
        [status]: 1,
        queued: 2,
      });
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ added: 0, sending: 0, unknown: 0 });
    });

    it("puts a released row back, ready to be claimed again", async () => {
      const stage = await setStage(subject.store);
      const claim = await stage.claim(1);
      const release = stage.settleOf(claim, RELEASED, { httpStatus: 429 });
      await subject.store.settle(release);
      expect((await stage.read(1)).status).toBe("queued");
      expect(await subject.second.lookup([claim.key])).toEqual([]);
      const next = await stage.claim(1);
      await subject.store.settle(release);
      expect(await subject.second.lookup([claim.key])).toMatchObject([
        { state: "sending", token: next.token },
      ]);
      expect((await subject.second.getRun(stage.run.runId))?.counts).toMatchObject({ queued: 3 });
    });

    it("records an unknown row with its reason, and keeps token and time", async () => {
      const stage = await setStage(subject.store);
      const claim = await stage.claim(1);
      const [sending] = await subject.store.lookup([claim.key]);
      await subject.store.settle(
        stage.settleOf(claim, UNKNOWN, { httpStatus: undefined, durationMs: 60_000 }),
      );
      expect(await stage.read(1)).toMatchObject({
        status: "unknown",
        errorCode: "timeout",
        error: "no answer in 60 s",
        httpStatus: undefined,
        durationMs: 60_000,
      });
      expect(await subject.second.lookup([claim.key])).toEqual([{ ...sending, state: "unknown" }]);
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ sending: 0, unknown: 1 });
    });

    it.each([
      ["added", ADDED],
      ["rejected", REJECTED],
      ["failed", FAILED],
      ["unknown", UNKNOWN],
      ["released", RELEASED],
    ] as const)("changes nothing when %s is settled a second time", async (_name, settlement) => {
      const stage = await setStage(subject.store);
      const request = stage.settleOf(await stage.claim(1), settlement);
      const picture = async () => [
        await stage.read(1),
        await subject.second.lookup([request.key]),
        (await subject.second.getRun(stage.run.runId))?.counts,
        await subject.second.getGroup(stage.group),
      ];
      await subject.store.settle(request);
      const once = await picture();
      await subject.second.settle(request);
      expect(await picture()).toEqual(once);
    });

    it.each([
      ["rejected", REJECTED],
      ["failed", FAILED],
      ["unknown", UNKNOWN],
      ["released", RELEASED],
    ] as const)("acknowledges %s under a stale token and changes nothing", async (_name, settlement) => {
      const stage = await setStage(subject.store);
      const claim = await stage.claim(1);
      const stale = { ...claim, token: newToken() };
      await subject.second.settle(stage.settleOf(stale, settlement));
      expect(await subject.store.lookup([claim.key])).toMatchObject([
        { state: "sending", token: claim.token },
      ]);
      expect((await stage.read(1)).status).toBe("queued");
      await subject.store.settle(stage.settleOf(claim, ADDED));
      await subject.second.settle(stage.settleOf(claim, settlement));
      await subject.second.settle(stage.settleOf(stale, settlement));
      expect(await subject.store.lookup([claim.key])).toMatchObject([{ state: "added", token: claim.token }]);
      expect((await stage.read(1)).status).toBe("added");
      expect(await subject.store.getGroup(stage.group)).toMatchObject({ added: 1, sending: 0, unknown: 0 });
    });

    it("accepts an answer that shows what became of an unknown row", async () => {
      const stage = await setStage(subject.store);
      const claims = [await stage.claim(1), await stage.claim(2), await stage.claim(3)] as const;
      for (const claim of claims) await subject.store.settle(stage.settleOf(claim, UNKNOWN));
      await subject.store.settle(stage.settleOf(claims[0], ADDED));
      await subject.store.settle(stage.settleOf(claims[1], REJECTED));
      await subject.store.settle(stage.settleOf(claims[2], RELEASED));
      const rows = await subject.second.readRows(stage.run.runId, { fromRow: 1, limit: 3 });
      expect(rows.map((row) => row.status)).toEqual(["added", "rejected", "queued"]);
      expect(rows[0]?.errorCode).toBeUndefined();
      expect(rows[2]?.errorCode).toBeUndefined();
      const entries = await subject.second.lookup(claims.map((claim) => claim.key));
      expect(entries).toMatchObject([{ state: "added", row: 1, draftDatasetId: DRAFT }]);
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ added: 1, sending: 0, unknown: 0 });
    });

    it("accepts a 201 that comes after the row was given up and its entry forgotten", async () => {
      const stage = await setStage(subject.store);
      const claim = await stage.claim(1);
      await subject.store.settle(stage.settleOf(claim, REJECTED));
      await subject.second.settle(stage.settleOf(claim, ADDED));
      expect(await stage.read(1)).toMatchObject({
        status: "added",
        draftDatasetId: DRAFT,
        errorCode: "landed_late",
      });
      expect(await subject.store.lookup([claim.key])).toMatchObject([
        { state: "added", token: claim.token, runSeq: stage.run.seq, row: 1, draftDatasetId: DRAFT },
      ]);
      expect((await subject.store.getRun(stage.run.runId))?.counts).toMatchObject({
        added: 1,
        rejected: 0,
        queued: 2,
      });
      expect(await subject.store.getGroup(stage.group)).toMatchObject({ added: 1, sending: 0, unknown: 0 });
    });

    it("accepts a 201 for a row that was left unprocessed", async () => {
      const stage = await setStage(subject.store);
      const claim = await stage.claim(1);
      await subject.store.settle(stage.settleOf(claim, RELEASED));
      await subject.store.changeRun(stage.run.runId, { state: "cancelled" });
      expect(await subject.store.markUnprocessed(stage.run.runId, stage.rows)).toBe(3);
      await subject.second.settle(stage.settleOf(claim, ADDED));
      expect(await stage.read(1)).toMatchObject({ status: "added", errorCode: "landed_late" });
      expect((await subject.store.getRun(stage.run.runId))?.counts).toMatchObject({
        added: 1,
        unprocessed: 2,
      });
    });

    it("lets a late 201 take over the entry of a newer token, whose own 201 is counted, too", async () => {
      const stage = await setStage(subject.store);
      const zombie = await stage.claim(1);
      await subject.store.settle(stage.settleOf(zombie, RELEASED));
      const current = await stage.claim(1);
      await subject.second.settle(stage.settleOf(zombie, ADDED));
      expect(await subject.store.lookup([zombie.key])).toMatchObject([
        { state: "added", token: zombie.token },
      ]);
      expect(await subject.store.getGroup(stage.group)).toMatchObject({ added: 1, sending: 0, unknown: 0 });
      await subject.store.settle(stage.settleOf(current, UNKNOWN));
      await subject.store.settle(stage.settleOf(current, REJECTED));
      expect(await stage.read(1)).toMatchObject({ status: "added", errorCode: "landed_late" });
      await subject.store.settle(stage.settleOf(current, ADDED));
      expect(await stage.read(1)).toMatchObject({ status: "added", errorCode: "landed_late" });
      expect(await subject.store.lookup([zombie.key])).toMatchObject([
        { state: "added", token: current.token },
      ]);
      expect(await subject.store.getGroup(stage.group)).toMatchObject({ added: 2, sending: 0, unknown: 0 });
      expect((await subject.store.getRun(stage.run.runId))?.counts).toMatchObject({ added: 1, queued: 2 });
    });

    it("accepts the 201 of one run while another run is sending the same row", async () => {
      const one = await setStage(subject.store);
      const other = await setStage(subject.store, { beside: one });
      const zombie = await one.claim(1);
      await subject.store.settle(one.settleOf(zombie, RELEASED));
      const current = await other.claim(1);
      await subject.second.settle(one.settleOf(zombie, ADDED));
      expect(await one.read(1)).toMatchObject({ status: "added", errorCode: "landed_late" });
      expect((await other.read(1)).status).toBe("queued");
      expect(await subject.store.lookup([current.key])).toMatchObject([
        { state: "added", token: zombie.token, runSeq: one.run.seq },
      ]);
      await subject.store.settle(other.settleOf(current, REJECTED));
      expect((await other.read(1)).status).toBe("queued");
      expect(await subject.second.claim(other.claimOf(1))).toEqual({ kind: "already-added", own: false });
    });

    it("keeps counts equal to results through a row's whole life", async () => {
      const stage = await setStage(subject.store, { rows: 1 });
      const counted = async (): Promise<string[]> => {
        const counts = (await subject.second.getRun(stage.run.runId))?.counts ?? zeroCounts();
        return Object.entries(counts).flatMap(([status, number]) =>
          number === 0 ? [] : [`${status} ${number}`],
        );
      };
      const first = await stage.claim(1);
      expect(await counted()).toEqual(["queued 1"]);
      await subject.store.settle(stage.settleOf(first, UNKNOWN));
      expect(await counted()).toEqual(["unknown 1"]);
      await subject.store.settle(stage.settleOf(first, RELEASED));
      expect(await counted()).toEqual(["queued 1"]);
      await subject.store.settle(stage.settleOf(await stage.claim(1), REJECTED));
      expect(await counted()).toEqual(["rejected 1"]);
      await subject.store.settle(stage.settleOf(first, ADDED));
      expect(await counted()).toEqual(["added 1"]);
    });
  });
}
