/** Rows: stored once, whatever their text, read back in order; counts that equal them; rows left unprocessed. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rowsRead, zeroCounts } from "../../src/core/status.ts";
import { ADDED, newOrigin, queuedRow, REJECTED, setStage, UNKNOWN } from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";

const IDS = [
  "0b1f3c5e-9d2a-4b6c-8e7f-a1b2c3d4e5f6",
  "0B1F3C5E9D2A4B6C8E7FA1B2C3D4E5F6",
  "4bf92f3577b34da6a3ce929d0e0e4736",
  "00042",
  "1e5",
  "9007199254740993",
  " leading and trailing ",
  "quote ' and \" and \\ and `",
  "a,b;c\td|e:f{g}",
  "line\nbreak\r\nand\u2028separator",
  "%s $1 :name ?",
  "null",
  "",
  "\u0001\u001f\u007f",
  "日本語 ключ émigré e\u0301 🧵👩‍👩‍👧",
  "語".repeat(200),
  "x".repeat(4_000),
];

export function rowsContract(subject: Subject): void {
  describe("rows", () => {
    const readAll = (runId: string) => subject.second.readRows(runId, { fromRow: 1, limit: 2_000 });

    it("gives back every kind of id exactly as it was written", async () => {
      const origin = newOrigin();
      const rows = IDS.map((id, index) => queuedRow(origin, index + 1, { trace: id, spanId: id.slice(1) }));
      const stage = await setStage(subject.store, { rows });
      const stored = await readAll(stage.run.runId);
      expect(stored.map((row) => row.traceId)).toEqual(IDS);
      expect(stored.map((row) => row.spanId)).toEqual(IDS.map((id) => id.slice(1)));
    });

    it("gives back any text without a NUL", async () => {
      const character = fc.oneof(
        fc.integer({ min: 1, max: 0x7f }),
        fc.integer({ min: 0x80, max: 0xd7ff }),
        fc.integer({ min: 0xe000, max: 0x10ffff }),
      );
      const text = fc.array(character, { maxLength: 40 }).map((points) => String.fromCodePoint(...points));
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(text, text, text), { minLength: 1, maxLength: 60 }),
          async (ids) => {
            const origin = newOrigin();
            const rows = ids.map(([trace, spanId, datasetGroupId], index) =>
              queuedRow(origin, index + 1, { trace, spanId, datasetGroupId }),
            );
            const stage = await setStage(subject.store, { rows });
            const stored = await readAll(stage.run.runId);
            expect(stored.map((row) => [row.traceId, row.spanId, row.datasetGroupId])).toEqual(ids);
          },
        ),
        { numRuns: 5 },
      );
    });

    it("keeps each row's place and first status", async () => {
      const origin = newOrigin();
      const rows = [
        queuedRow(origin, 1, { line: 2 }),
        {
          ...queuedRow(origin, 2, { source: 1, line: 2_000_000, trace: "", datasetGroupId: "forty-two" }),
          key: undefined,
          status: "invalid" as const,
          errorCode: "trace_id_empty",
          error: "rows.csv:17: trace_id is 'empty'",
        },
        queuedRow(origin, 3, { status: "duplicate", draftDatasetId: 9_007_199_254 }),
        queuedRow(origin, 4, { status: "unknown", errorCode: "held", error: "asked before" }),
      ];
      const stage = await setStage(subject.store, { rows: [] });
      await subject.store.putRows(stage.run.runId, rows);
      const stored = await readAll(stage.run.runId);
      expect(stored).toMatchObject([
        { row: 1, source: 0, line: 2, status: "queued", attempts: 0 },
        {
          row: 2,
          source: 1,
          line: 2_000_000,
          datasetGroupId: "forty-two",
          status: "invalid",
          errorCode: "trace_id_empty",
          error: "rows.csv:17: trace_id is 'empty'",
        },
        { row: 3, status: "duplicate", draftDatasetId: 9_007_199_254 },
        { row: 4, status: "unknown", errorCode: "held", error: "asked before" },
      ]);
      expect(stored[0]).toMatchObject({
        draftDatasetId: undefined,
        mode: undefined,
        httpStatus: undefined,
        errorCode: undefined,
        error: undefined,
        durationMs: undefined,
        finishedAt: undefined,
      });
      const counts = { ...zeroCounts(), queued: 1, invalid: 1, duplicate: 1, unknown: 1 };
      expect((await subject.second.getRun(stage.run.runId))?.counts).toEqual(counts);
    });

    it("keeps what a row has when it is put again, and counts it once", async () => {
      const stage = await setStage(subject.store, { rows: 4 });
      const { runId } = stage.run;
      await subject.store.settle(stage.settleOf(await stage.claim(1), ADDED));
      await subject.store.settle(stage.settleOf(await stage.claim(2), REJECTED));
      const before = await readAll(runId);
      await subject.second.putRows(runId, [
        ...stage.rows.map((row) => ({ ...row, line: 77, status: "duplicate" as const })),
        queuedRow(stage.origin, 5),
      ]);
      const after = await readAll(runId);
      expect(after.slice(0, 4)).toEqual(before);
      expect(after).toHaveLength(5);
      expect((await subject.store.getRun(runId))?.counts).toEqual({
        ...zeroCounts(),
        queued: 3,
        added: 1,
        rejected: 1,
      });
    });

    it("reads rows in row order however they were put", async () => {
      const stage = await setStage(subject.store, { rows: [] });
      const { runId } = stage.run;
      const numbers = [7, 1_500, 3, 2, 100_000, 1, 64, 65, 63];
      await subject.store.putRows(
        runId,
        numbers.map((row) => queuedRow(stage.origin, row)),
      );
      await subject.store.putRows(runId, [queuedRow(stage.origin, 5)]);
      const sorted = [1, 2, 3, 5, 7, 63, 64, 65, 1_500, 100_000];
      expect((await readAll(runId)).map((row) => row.row)).toEqual(sorted);
      const page = await subject.second.readRows(runId, { fromRow: 6, limit: 4 });
      expect(page.map((row) => row.row)).toEqual([7, 63, 64, 65]);
      expect(await subject.second.readRows(runId, { fromRow: 100_001, limit: 4 })).toEqual([]);
    });

    it("counts rows once that two producers put at the same time", async () => {
      const stage = await setStage(subject.store, { rows: [] });
      const { runId } = stage.run;
      const rows = Array.from({ length: 300 }, (_, index) => queuedRow(stage.origin, index + 1));
      await Promise.all([
        subject.store.putRows(runId, rows.slice(0, 200)),
        subject.second.putRows(runId, rows.slice(100)),
        subject.store.putRows(runId, rows.slice(50, 250)),
      ]);
      const counts = (await subject.store.getRun(runId))?.counts ?? zeroCounts();
      expect(counts).toEqual({ ...zeroCounts(), queued: 300 });
      expect(rowsRead(counts)).toBe((await readAll(runId)).length);
    });

    it("takes 1,000 rows in one call and pages through them, by status too", async () => {
      const origin = newOrigin();
      const rows = Array.from({ length: 1_000 }, (_, index) =>
        queuedRow(origin, index + 1, index % 7 === 0 ? { status: "duplicate" } : {}),
      );
      const stage = await setStage(subject.store, { rows });
      const { runId } = stage.run;
      const seen: number[] = [];
      for (let fromRow = 1; ;) {
        const page = await subject.second.readRows(runId, { fromRow, limit: 300 });
        seen.push(...page.map((row) => row.row));
        if (page.length < 300) break;
        fromRow = (page.at(-1)?.row ?? 0) + 1;
      }
      expect(seen).toEqual(rows.map((row) => row.row));

      const sparse = await subject.second.readRows(runId, {
        fromRow: 500,
        limit: 20,
        statuses: ["duplicate", "added"],
      });
      const expected = rows.filter((row) => row.row >= 500 && row.status === "duplicate").slice(0, 20);
      expect(sparse.map((row) => row.row)).toEqual(expected.map((row) => row.row));
      const none = await subject.second.readRows(runId, { fromRow: 1, limit: 20, statuses: ["failed"] });
      expect(none).toEqual([]);
    });

    it("keeps the rows of one run apart from another's", async () => {
      const one = await setStage(subject.store, { rows: 2 });
      const other = await setStage(subject.store, { beside: one, rows: 3 });
      await subject.store.settle(one.settleOf(await one.claim(1), REJECTED));
      expect((await readAll(other.run.runId)).map((row) => row.status)).toEqual([
        "queued",
        "queued",
        "queued",
      ]);
      expect((await subject.store.getRun(one.run.runId))?.counts).toEqual({
        ...zeroCounts(),
        queued: 1,
        rejected: 1,
      });
    });

    it("marks only queued rows unprocessed, and none while the run is running", async () => {
      const stage = await setStage(subject.store, { rows: 5 });
      const { runId } = stage.run;
      await subject.store.settle(stage.settleOf(await stage.claim(1), ADDED));
      await subject.store.settle(stage.settleOf(await stage.claim(2), UNKNOWN));
      await stage.claim(3);
      expect(await subject.store.markUnprocessed(runId, stage.rows)).toBe(0);
      await subject.store.changeRun(runId, { state: "paused" });
      expect(await subject.second.markUnprocessed(runId, stage.rows)).toBe(2);
      await subject.second.markUnprocessed(runId, stage.rows);
      expect((await readAll(runId)).map((row) => row.status)).toEqual([
        "added",
        "unknown",
        "queued",
        "unprocessed",
        "unprocessed",
      ]);
      expect((await subject.store.getRun(runId))?.counts).toEqual({
        ...zeroCounts(),
        queued: 1,
        added: 1,
        unknown: 1,
        unprocessed: 2,
      });
    });

    it("marks a row unprocessed whose key another run is sending", async () => {
      const one = await setStage(subject.store, { rows: 1 });
      const other = await setStage(subject.store, { beside: one, rows: 1 });
      await one.claim(1);
      await subject.store.changeRun(other.run.runId, { state: "cancelled" });
      expect(await subject.store.markUnprocessed(other.run.runId, other.rows)).toBe(1);
      expect((await other.read(1)).status).toBe("unprocessed");
    });
  });
}
