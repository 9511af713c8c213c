/**
 * A sync over a table of a Postgres server that grows while it runs; some traces are not visible at first, others meet
 * errors. Short by default; TRACELOAD_FAULT_FULL=1 makes it 1,000 rows, with 3 % and 2 % of them.
 */
import { Client } from "pg";
import { describe, expect, test } from "vitest";
import { findPostgres } from "../support/postgres-server.ts";
import { findRedis } from "../support/redis-server.ts";
import { openSyncStage, overlaps } from "./sync-stage.ts";

const FULL = process.env["TRACELOAD_FAULT_FULL"] === "1";
const ROWS = FULL ? 1_000 : 120;
const BATCH = FULL ? 100 : 30;
const LAG_MS = 1_000;

const SYNCS = `
syncs:
  feedback:
    from: \${FEEDBACK_URL}
    query: select trace_id from feedback where written_at >= :since and written_at < :until
    dataset-group: 42
    rate: unlimited
    timeout: 5s
    horizon: 1s
    send-window: 2s
    max-attempts: 1
    grace: 60s
    schedule: { cron: "*/2 * * * * *" }
    watermark: { lag: ${LAG_MS}ms, overlap: 1s }
    carry: { attempts: 20 }
`;

const redis = await findRedis("a sync over a table", { restartable: true });
const postgres = await findPostgres("a sync over a table");

/** Every 33rd trace is not visible at first, every 50th is put off once: not applied, and its attempts are used up. */
const isHidden = (row: number) => row % 33 === 5;
const isPutOff = (row: number) => row % 50 === 7;

describe.skipIf(redis === undefined || postgres === undefined)("a sync over a table that grows", () => {
  test("adds every row once, and its watermark passes none that is not settled or carried", async () => {
    const server = await postgres!.start();
    const client = new Client({ connectionString: server.url });
    await client.connect();
    try {
      await client.query("create table feedback (trace_id text not null, written_at timestamptz not null)");
      const rows = Array.from({ length: ROWS }, (_, row) => `trace-${row}`);
      const putOff = rows.filter((_, row) => isPutOff(row) && !isHidden(row));
      const stage = await openSyncStage({
        name: "sync-postgres",
        redis,
        syncs: SYNCS,
        sandbox: ["--latency", "1ms..10ms", ...putOff.flatMap((trace) => ["--fault", `408@trace=${trace}`])],
      });
      const hidden = rows.filter((_, row) => isHidden(row));
      stage.sandbox.setTraces({ missing: hidden });
      expect(await stage.run(["sync", "apply"])).toMatchObject({ code: 0 });
      const worker = stage.startWorker({ FEEDBACK_URL: server.url });
      await worker.until(() => worker.stderr().includes("serving runs"));

      for (let from = 0; from < ROWS; from += BATCH) {
        const ids = rows.slice(from, from + BATCH);
        await client.query(
          "insert into feedback select id, clock_timestamp() from unnest($1::text[]) as id",
          [ids],
        );
        const seen = from + BATCH - hidden.length - putOff.length;
        await worker.until(async () => (await stage.applied()).size >= Math.min(seen, ROWS / 2));
      }
      const visible = ROWS - hidden.length;
      await worker.until(async () => (await stage.applied()).size >= visible);
      stage.sandbox.setTraces({ available: hidden });
      await worker.until(async () => (await stage.applied()).size === ROWS);
      await worker.until(async () => (await stage.history("feedback")).at(-1)?.carriedOut === 0);

      const times = await stage.applied();
      expect(rows.filter((trace) => times.get(trace) !== 1)).toEqual([]);
      const ticks = await stage.history("feedback");
      expect(overlaps(ticks)).toEqual([]);
      const carried = new Set(ticks.flatMap((tick) => (tick.carried ?? []).map(({ traceId }) => traceId)));
      expect(hidden.filter((trace) => !carried.has(trace))).toEqual([]);
      expect(putOff.filter((trace) => !carried.has(trace))).toEqual([]);

      // At every tick: what was written before the watermark is in the sandbox by then, or carried.
      const applied = new Map((await stage.sandbox.record()).map(({ traceId, time }) => [traceId, time]));
      const written = await client.query<{ trace_id: string; at: Date }>(
        "select trace_id, written_at as at from feedback",
      );
      for (const tick of ticks.filter(({ became }) => became === "ran")) {
        const watermark = tick.watermark?.after ?? 0;
        const open = written.rows.filter(
          ({ trace_id: trace, at }) =>
            at.getTime() < watermark && (applied.get(trace) ?? Infinity) > (tick.endedAt ?? 0),
        );
        const named = new Set((tick.carried ?? []).map(({ traceId }) => traceId));
        const passed = open.filter(({ trace_id: trace }) => !named.has(trace));
        expect({ tick: tick.id, passed: (tick.carriedOut ?? 0) > named.size ? [] : passed }).toEqual({
          tick: tick.id,
          passed: [],
        });
      }
    } finally {
      await client.end();
      await server.stop();
    }
  }, 300_000);
});
