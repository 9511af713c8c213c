/** Claim: who may send a row now, and what everybody else hears. */
import { describe, expect, it, vi } from "vitest";
import { zeroCounts, type RunState } from "../../src/core/status.ts";
import {
  ADDED,
  aHolder,
  DRAFT,
  FAILED,
  LONG_MS,
  newOrigin,
  queuedRow,
  REJECTED,
  RELEASED,
  setStage,
  UNKNOWN,
} from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";

export function claimContract(subject: Subject): void {
  describe("claim", () => {
    it("writes that the row is being sent, by whom, and until when", async () => {
      const stage = await setStage(subject.store);
      const before = await subject.store.now();
      const claim = await stage.claim(2);
      const after = await subject.store.now();
      const [entry] = await subject.second.lookup([claim.key]);
      expect(entry).toMatchObject({
        key: claim.key,
        state: "sending",
        token: claim.token,
        runSeq: stage.run.seq,
        row: 2,
        draftDatasetId: undefined,
      });
      expect(entry?.until).toBeGreaterThanOrEqual(before + LONG_MS - 1);
      expect(entry?.until).toBeLessThanOrEqual(after + LONG_MS + 1);
      expect((await stage.read(2)).status).toBe("queued");
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ sending: 1, unknown: 0, added: 0 });
    });

    it("answers a repeat of the same claim as it did the first time, and keeps its time", async () => {
      const stage = await setStage(subject.store);
      const claim = await stage.claim(1);
      const [first] = await subject.store.lookup([claim.key]);
      expect(await subject.second.claim({ ...claim, holdMs: 2 * LONG_MS })).toEqual({ kind: "claimed" });
      expect(await subject.store.lookup([claim.key])).toEqual([first]);
      expect(await subject.store.getGroup(stage.group)).toMatchObject({ sending: 1 });
    });

    it("makes another run's row with the same key wait while the row is being sent", async () => {
      const one = await setStage(subject.store);
      const other = await setStage(subject.second, { beside: one });
      const claim = await one.claim(1);
      const answer = await subject.second.claim(other.claimOf(1));
      expect(answer).toMatchObject({ kind: "wait", reason: "sending" });
      if (answer.kind === "wait") expect(answer.retryInMs).toBeGreaterThanOrEqual(0);
      expect(await subject.store.lookup([claim.key])).toMatchObject([
        { token: claim.token, state: "sending" },
      ]);
      await subject.store.settle(one.settleOf(claim, RELEASED));
      await other.claim(1);
    });

    it("makes a row wait whose twin in the same file is being sent, then calls it a duplicate", async () => {
      const origin = newOrigin();
      const rows = [queuedRow(origin, 1, { trace: "twin" }), queuedRow(origin, 2, { trace: "twin" })];
      const stage = await setStage(subject.store, { rows });
      const claim = await stage.claim(1);
      expect(await subject.second.claim(stage.claimOf(2))).toMatchObject({ kind: "wait", reason: "sending" });
      await subject.store.settle(stage.settleOf(claim, ADDED));
      expect(await subject.second.claim(stage.claimOf(2))).toEqual({ kind: "already-added", own: false });
      expect(await stage.read(2)).toMatchObject({ status: "duplicate", draftDatasetId: DRAFT });
    });

    it("calls a row a duplicate that another run has added, with its draft", async () => {
      const one = await setStage(subject.store);
      const other = await setStage(subject.store, { beside: one });
      await subject.store.settle(one.settleOf(await one.claim(1), ADDED));
      const request = other.claimOf(1);
      expect(await subject.second.claim(request)).toEqual({ kind: "already-added", own: false });
      expect(await other.read(1)).toMatchObject({ status: "duplicate", draftDatasetId: DRAFT });
      expect(await subject.second.claim(request)).toEqual({ kind: "done" });
      expect((await subject.second.getRun(other.run.runId))?.counts).toMatchObject({
        duplicate: 1,
        queued: 2,
      });
    });

    it("calls a row added that this very row of this run has added", async () => {
      const origin = newOrigin();
      const stage = await setStage(subject.store, { rows: [] });
      const row = queuedRow(origin, 1);
      const claim = stage.claimOf(1, { key: row.key });
      // The 201 is settled before the row is stored: the entry is the row's own, the result is still to be written.
      await subject.store.settle(stage.settleOf(claim, ADDED));
      await subject.store.putRows(stage.run.runId, [row]);
      const again = stage.claimOf(1, { key: row.key });
      expect(await subject.second.claim(again)).toEqual({ kind: "already-added", own: true });
      expect(await stage.read(1)).toMatchObject({ status: "added", draftDatasetId: DRAFT });
      expect((await subject.second.getRun(stage.run.runId))?.counts).toEqual({ ...zeroCounts(), added: 1 });
    });

    it.each([
      ["added", ADDED],
      ["rejected", REJECTED],
      ["failed", FAILED],
    ] as const)("drops the job of a row that is %s", async (status, settlement) => {
      const stage = await setStage(subject.store);
      const claim = await stage.claim(1);
      await subject.store.settle(stage.settleOf(claim, settlement));
      const settled = await stage.read(1);
      expect(settled.status).toBe(status);
      expect(await subject.second.claim(stage.claimOf(1))).toEqual({ kind: "done" });
      expect(await subject.second.claim(claim)).toEqual({ kind: "done" });
      expect(await stage.read(1)).toEqual(settled);
    });

    it("drops the job of an invalid row", async () => {
      const origin = newOrigin();
      const rows = [queuedRow(origin, 1, { status: "invalid", errorCode: "x", error: "y" })];
      const stage = await setStage(subject.store, { rows });
      expect(await subject.store.claim(stage.claimOf(1))).toEqual({ kind: "done" });
    });

    it.each(["verifying", "finished", "stopped", "paused", "interrupted", "cancelled"] satisfies RunState[])(
      "grants nothing in a run that is %s",
      async (state) => {
        const stage = await setStage(subject.store);
        await subject.store.changeRun(stage.run.runId, { state });
        const request = stage.claimOf(1);
        expect(await subject.second.claim(request)).toEqual({ kind: "stopped" });
        expect(await subject.second.lookup([request.key])).toEqual([]);
      },
    );

    it("grants claims while the run drains, and none to a run that is not there", async () => {
      const stage = await setStage(subject.store);
      await subject.store.changeRun(stage.run.runId, { state: "draining" });
      await stage.claim(1);
      const request = stage.claimOf(2, { runId: "no-such-run" });
      expect(await subject.second.claim(request)).toEqual({ kind: "stopped" });
      expect(await subject.second.lookup([request.key])).toEqual([]);
    });

    it("holds back rows that have their slot while the limiter is paused", async () => {
      const stage = await setStage(subject.store);
      await subject.second.pauseLimiter(stage.limiter, LONG_MS);
      const request = stage.claimOf(1);
      const answer = await subject.store.claim(request);
      expect(answer).toMatchObject({ kind: "wait", reason: "paused" });
      if (answer.kind === "wait") {
        expect(answer.retryInMs).toBeGreaterThan(LONG_MS - 60_000);
        expect(answer.retryInMs).toBeLessThanOrEqual(LONG_MS + 1);
      }
      expect(await subject.second.lookup([request.key])).toEqual([]);
      await stage.claim(1, { limiter: `another ${stage.limiter}` });
    });

    it("grants a claim again, while the limiter is paused, that was granted before and whose answer was lost", async () => {
      const stage = await setStage(subject.store);
      const claim = await stage.claim(1);
      const before = await subject.store.lookup([claim.key]);
      await subject.second.pauseLimiter(stage.limiter, LONG_MS);
      expect(await subject.second.claim(claim)).toEqual({ kind: "claimed" });
      expect(await subject.second.claim(stage.claimOf(1))).toMatchObject({ kind: "wait", reason: "paused" });
      expect(await subject.store.lookup([claim.key])).toEqual(before);
    });

    it("grants claims again when the pause is over", async () => {
      const stage = await setStage(subject.store);
      await subject.store.pauseLimiter(stage.limiter, 60);
      const request = stage.claimOf(1);
      await vi.waitFor(async () => expect(await subject.store.claim(request)).toEqual({ kind: "claimed" }), {
        interval: 10,
      });
    });

    it("holds a row whose earlier request has an unknown outcome", async () => {
      const one = await setStage(subject.store);
      const other = await setStage(subject.store, { beside: one });
      const claim = await one.claim(1);
      await subject.store.settle(one.settleOf(claim, UNKNOWN));
      const request = other.claimOf(1);
      expect(await subject.second.claim(request)).toEqual({ kind: "unknown" });
      expect(await subject.second.claim(request)).toEqual({ kind: "unknown" });
      const held = await other.read(1);
      expect(held).toMatchObject({ status: "unknown", errorCode: "held" });
      expect(held.error).toBeTruthy();
      expect(await subject.second.lookup([claim.key])).toMatchObject([
        { state: "unknown", token: claim.token, runSeq: one.run.seq },
      ]);
      expect((await subject.second.getRun(other.run.runId))?.counts).toMatchObject({ unknown: 1, queued: 2 });
    });

    it("makes a row unknown that is claimed anew while its own earlier claim is open", async () => {
      const stage = await setStage(subject.store);
      const claim = await stage.claim(1);
      const [sending] = await subject.store.lookup([claim.key]);
      const again = stage.claimOf(1);
      expect(await subject.second.claim(again)).toEqual({ kind: "unknown" });
      expect(await subject.second.claim(again)).toEqual({ kind: "unknown" });
      expect(await subject.store.lookup([claim.key])).toEqual([{ ...sending, state: "unknown" }]);
      expect(await stage.read(1)).toMatchObject({ status: "unknown", errorCode: "worker_lost" });
      expect(await subject.store.getGroup(stage.group)).toMatchObject({ sending: 0, unknown: 1 });
    });

    it("makes both rows unknown when the other's sender is dead", async () => {
      const one = await setStage(subject.store);
      const other = await setStage(subject.store, { beside: one });
      const owner = await subject.store.openLease(aHolder(), LONG_MS);
      const claim = await one.claim(1, { owner });
      await subject.store.endLease(owner);
      expect(await subject.second.claim(other.claimOf(1))).toEqual({ kind: "unknown" });
      expect(await one.read(1)).toMatchObject({ status: "unknown", errorCode: "worker_lost" });
      expect((await other.read(1)).status).toBe("unknown");
      expect(await subject.second.lookup([claim.key])).toMatchObject([
        { state: "unknown", token: claim.token, runSeq: one.run.seq },
      ]);
      for (const { run } of [one, other]) {
        expect((await subject.second.getRun(run.runId))?.counts).toMatchObject({ unknown: 1, queued: 2 });
      }
    });

    it("makes both rows unknown when the other's time is over, its sender alive or not", async () => {
      const one = await setStage(subject.store);
      const other = await setStage(subject.store, { beside: one });
      await one.claim(1, { holdMs: 60 });
      const request = other.claimOf(1);
      await vi.waitFor(async () => expect(await subject.second.claim(request)).toEqual({ kind: "unknown" }), {
        interval: 10,
      });
      expect(await one.read(1)).toMatchObject({ status: "unknown", errorCode: "worker_lost" });
      expect((await other.read(1)).status).toBe("unknown");
    });

    it("lets the entry decide about a row that was left unknown or unprocessed", async () => {
      const origin = newOrigin();
      const stage = await setStage(subject.store, {
        rows: [
          queuedRow(origin, 1, { status: "unknown", errorCode: "held", error: "asked before" }),
          queuedRow(origin, 2),
        ],
      });
      await subject.store.changeRun(stage.run.runId, { state: "paused" });
      expect(await subject.store.markUnprocessed(stage.run.runId, stage.rows)).toBe(1);
      await subject.store.changeRun(stage.run.runId, { state: "draining" });
      for (const row of [1, 2]) {
        await subject.store.settle(stage.settleOf(await stage.claim(row), ADDED));
        expect((await stage.read(row)).status).toBe("added");
      }
    });

    it("answers a claim that arrives after its row was settled under another token with done", async () => {
      const stage = await setStage(subject.store);
      const late = stage.claimOf(1);
      await subject.store.settle(stage.settleOf(await stage.claim(1), REJECTED));
      expect(await subject.second.claim(late)).toEqual({ kind: "done" });
      expect(await subject.second.lookup([late.key])).toEqual([]);
    });

    it("looks up 1,000 keys at once and names those that have an entry", async () => {
      const origin = newOrigin();
      const rows = Array.from({ length: 1_000 }, (_, index) => queuedRow(origin, index + 1));
      const stage = await setStage(subject.store, { rows });
      const sent = [1, 500, 999, 1_000];
      for (const row of sent) await stage.claim(row);
      const entries = await subject.second.lookup(rows.map((row) => row.key));
      expect(entries.map((entry) => entry.row).toSorted((a, b) => a - b)).toEqual(sent);
      expect(await subject.second.lookup([])).toEqual([]);
    });
  });
}
