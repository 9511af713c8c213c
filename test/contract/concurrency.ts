/** Many at once, over two connections: claims exclude each other, counts and counters never lose one. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ClaimAnswer, Settlement } from "../../src/core/store.ts";
import { STORED_STATUSES } from "../../src/core/status.ts";
import {
  ADDED,
  newOrigin,
  newToken,
  REJECTED,
  RELEASED,
  setStage,
  UNKNOWN,
} from "../support/store-fixtures.ts";
import { look } from "./picture.ts";
import type { Subject } from "./store-contract.ts";
import { makePlan, openWorld, play } from "./world.ts";

export function concurrencyContract(subject: Subject, numRuns: number): void {
  describe("many at once", () => {
    const claimed = (answers: ClaimAnswer[]): number =>
      answers.filter((answer) => answer.kind === "claimed").length;

    it("grants a row to one of two runs that claim it at once", async () => {
      const one = await setStage(subject.store, { rows: 20 });
      const other = await setStage(subject.second, { beside: one, rows: 20 });
      await Promise.all(
        one.rows.map(async ({ row }) => {
          const answers = await Promise.all([
            subject.store.claim(one.claimOf(row)),
            subject.second.claim(other.claimOf(row)),
          ]);
          expect(answers.map((answer) => answer.kind).toSorted()).toEqual(["claimed", "wait"]);
        }),
      );
      expect(await subject.store.getGroup(one.group)).toMatchObject({ sending: 20, unknown: 0 });
    });

    it("grants a row to at most one of two workers that hold the same job", async () => {
      const stage = await setStage(subject.store, { rows: 20 });
      await Promise.all(
        stage.rows.map(async ({ row }) => {
          const answers = await Promise.all([
            subject.store.claim(stage.claimOf(row)),
            subject.second.claim(stage.claimOf(row)),
          ]);
          expect(claimed(answers)).toBe(1);
        }),
      );
      expect(await subject.store.getGroup(stage.group)).toMatchObject({ sending: 0, unknown: 20 });
      expect((await subject.store.getRun(stage.run.runId))?.counts).toMatchObject({ unknown: 20, queued: 0 });
    });

    it("grants one claim in solo when many come at once", async () => {
      const stage = await setStage(subject.store, { rows: 20, phase: "solo" });
      const answers = await Promise.all(
        stage.rows.map(({ row }) =>
          (row % 2 === 0 ? subject.store : subject.second).claim(stage.claimOf(row)),
        ),
      );
      expect(claimed(answers)).toBe(1);
    });

    it("counts 64 settlements at once, each sent twice, once each", async () => {
      const stage = await setStage(subject.store, { rows: 64 });
      const claims = await Promise.all(stage.rows.map(({ row }) => stage.claim(row)));
      const kinds: Settlement[] = [ADDED, REJECTED, UNKNOWN, RELEASED];
      await Promise.all(
        claims.flatMap((claim, index) => {
          const request = stage.settleOf(claim, kinds[index % 4] ?? ADDED);
          return [subject.store.settle(request), subject.second.settle(request)];
        }),
      );
      const rows = await subject.second.readRows(stage.run.runId, { fromRow: 1, limit: 64 });
      const counts = (await subject.second.getRun(stage.run.runId))?.counts;
      for (const status of STORED_STATUSES) {
        expect(counts?.[status], status).toBe(rows.filter((row) => row.status === status).length);
      }
      expect(counts).toMatchObject({ added: 16, rejected: 16, unknown: 16, queued: 16 });
      expect(await subject.store.getGroup(stage.group)).toMatchObject({ added: 16, unknown: 16, sending: 0 });
    });

    it("settles a row once that is answered and swept at the same time", async () => {
      const stage = await setStage(subject.store, { rows: 16 });
      const claims = await Promise.all(stage.rows.map(({ row }) => stage.claim(row)));
      await subject.store.endLease(stage.owner);
      await Promise.all([
        ...claims.map((claim) => subject.store.settle(stage.settleOf(claim, ADDED))),
        subject.second.sweep(),
        subject.second.sweep(),
      ]);
      expect((await subject.store.getRun(stage.run.runId))?.counts).toMatchObject({ added: 16, unknown: 0 });
      expect(await subject.store.getGroup(stage.group)).toMatchObject({ added: 16, unknown: 0, sending: 0 });
    });

    it("takes claims and settlements of two runs on the same keys without a deadlock", async () => {
      const one = await setStage(subject.store, { rows: 12 });
      const other = await setStage(subject.second, { beside: one, rows: 12 });
      const work = async (stage: typeof one, order: number[]): Promise<void> => {
        await Promise.all(
          order.map(async (row) => {
            const claim = stage.claimOf(row);
            const answer = await stage.store.claim(claim);
            if (answer.kind === "claimed") await stage.store.settle(stage.settleOf(claim, ADDED));
          }),
        );
      };
      const rows = one.rows.map(({ row }) => row);
      await Promise.all([work(one, rows), work(other, rows.toReversed())]);
      const [first, second] = await Promise.all(
        [one, other].map(async ({ run }) => (await subject.store.getRun(run.runId))?.counts),
      );
      expect((first?.added ?? 0) + (second?.added ?? 0)).toBe(12);
      expect(await subject.store.getGroup(one.group)).toMatchObject({ added: 12, sending: 0, unknown: 0 });
    });

    it(
      "never lets two send the same row, whoever dies and whatever is answered",
      { timeout: 60_000 },
      async () => {
        const task = fc.record({
          run: fc.nat({ max: 1 }),
          row: fc.integer({ min: 1, max: 3 }),
          settlement: fc.constantFrom<Settlement[]>(RELEASED, RELEASED, RELEASED, REJECTED, UNKNOWN, ADDED),
          dies: fc.integer({ min: 0, max: 5 }).map((drawn) => drawn === 5),
        });
        const workers = fc.array(fc.array(task, { minLength: 2, maxLength: 12 }), {
          minLength: 2,
          maxLength: 4,
        });
        const property = fc.asyncProperty(workers, async (lists) => {
          const world = await openWorld(makePlan(newOrigin(), "open"), subject.store);
          const sending = new Map<number, string>();
          await Promise.all(
            lists.map(async (tasks, worker) => {
              const store = worker % 2 === 0 ? subject.store : subject.second;
              let life = 0;
              for (const { run, row, settlement, dies } of tasks) {
                const owner = `worker ${worker}, life ${life}`;
                const claim = { run, row, token: newToken(), owner, past: false, paused: false };
                const answer = await play(world, { do: "claim", claim }, store);
                if (answer !== "claimed") continue;
                // Rows 1 and 3 are the same trace.
                const trace = row % 2;
                expect(sending.get(trace), "nobody else's request is open").toBeUndefined();
                sending.set(trace, claim.token);
                if (dies) {
                  life += 1;
                  await play(world, { do: "end-lease", owner }, store);
                  await play(world, { do: "sweep" }, store);
                }
                if (settlement.kind === "released" || settlement.kind === "rejected") sending.delete(trace);
                await play(world, { do: "settle", claim, settlement, attempts: 1 }, store);
              }
            }),
          );
          await look(world, subject.second);
        });
        await fc.assert(property, { numRuns });
      },
    );
  });
}
