/** Whatever the server answers in whatever order: places are given back, claims are settled, counts add up. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { AttemptSignal } from "../../src/core/outcome.ts";
import { rowsRead } from "../../src/core/status.ts";
import { settle } from "../support/fake-clock.ts";
import { added, answered } from "../support/scripted-api.ts";
import { sendingScene } from "../support/sending-scene.ts";

const ANSWERS: Record<string, () => AttemptSignal> = {
  added: () => added({ spanId: undefined }),
  "not sent": () => ({ phase: "before-header", cause: "refused" }),
  rejected: () => answered(400, { success: false, message: "no" }),
  "429": () => answered(429, {}, "1"),
  "408": () => answered(408, {}),
  "503": () => answered(503, {}),
  reset: () => ({ phase: "after-header", reason: "connection_lost", cause: "reset" }),
  "401": () => answered(401, {}),
  odd: () => answered(201, { success: false }),
};

const steps = fc.array(fc.constantFrom(...Object.keys(ANSWERS)), { minLength: 1, maxLength: 12 });
const scenes = fc.record({
  steps,
  rows: fc.integer({ min: 1, max: 6 }),
  places: fc.integer({ min: 1, max: 3 }),
  maxAttempts: fc.integer({ min: 1, max: 3 }),
  stopAfter: fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined }),
});

test("places taken are given back, each granted claim is settled once, and no row is sent twice at a time", async () => {
  await fc.assert(
    fc.asyncProperty(scenes, async ({ steps, rows, places, maxAttempts, stopAfter }) => {
      const scene = await sendingScene({ rows, places, settings: { maxAttempts } });
      let posts = 0;
      let underWay = 0;
      let most = 0;
      scene.api.onAddTrace = async () => {
        const name = steps[posts % steps.length] ?? "added";
        posts += 1;
        if (posts === stopAfter) scene.stop.abort(new Error("told to stop"));
        underWay += 1;
        most = Math.max(most, underWay);
        await settle();
        underWay -= 1;
        return (ANSWERS[name] ?? ANSWERS["added"])?.() ?? added({ spanId: undefined });
      };
      if (stopAfter === 0) scene.stop.abort(new Error("told to stop"));
      const verdicts = Promise.all(Array.from({ length: rows }, (_, index) => scene.process(index + 1)));
      const ended = await scene.clock.advanceUntil(verdicts);

      const taken = scene.diary.filter((line) => line === "place").length;
      const left = scene.diary.filter((line) => line === "leave").length;
      expect(left).toBe(taken);
      expect(most).toBeLessThanOrEqual(places);
      // The last answer for a token is its settlement: as many settlements as claims that were granted.
      const settledTokens = scene.settlements.map(({ token }) => token);
      expect(new Set(settledTokens).size).toBe(settledTokens.length);
      const claimed = new Set(scene.claims.map(({ token }) => token));
      expect(settledTokens.every((token) => claimed.has(token))).toBe(true);
      expect(posts).toBeLessThanOrEqual(settledTokens.length);

      const run = await scene.store.getRun(scene.run.runId);
      if (run === undefined) throw new Error("the run is gone");
      expect(rowsRead(run.counts)).toBe(rows);
      const lookedUp = await scene.store.lookup(scene.claims.map(({ key }) => key));
      expect(lookedUp.filter(({ state }) => state === "sending")).toEqual([]);
      for (const [index, verdict] of ended.entries()) {
        const { status } = await scene.result(index + 1);
        // Only a row that is put back, or whose run was stopped, may be without a result.
        if (verdict.kind === "done" && run.state === "reading") expect(status).not.toBe("queued");
      }
      const rowsSent = scene.api.sent.map(({ traceId }) => traceId);
      for (const { status, traceId } of await scene.store.readRows(scene.run.runId, {
        fromRow: 1,
        limit: 10,
      })) {
        if (status === "failed")
          expect(rowsSent.filter((id) => id === traceId).length).toBeLessThanOrEqual(100);
      }
    }),
    { numRuns: 30 },
  );
});
