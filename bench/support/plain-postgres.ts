/**
 * What bench/postgres.ts measures against: BullMQ on Postgres by itself. One job a row, a processor that does nothing, no
 * ledger, no results. Enqueues all jobs, then works them, and prints its times.
 */
import {
  createPostgresBackend,
  type PgPool,
  type PostgresConnectionOptions,
  Queue,
  runMigrations,
  Worker,
} from "bullmq";
import { Pool } from "pg";
import { plainJob, untilCompleted } from "./plain-jobs.ts";
import { benchRow } from "./rows-file.ts";

const [url = "", rows = "0", concurrency = "1"] = process.argv.slice(2);
const BATCH_ROWS = 1_000;
const CONNECTIONS = 8;

const pool = new Pool({
  connectionString: url,
  options: "-c search_path=bullmq",
  max: CONNECTIONS,
  keepAlive: true,
});
const client = await pool.connect();
await runMigrations(client);
client.release();

const connection: PostgresConnectionOptions = pool as unknown as PgPool;
const queue = new Queue("plain", { connection }, createPostgresBackend);
const startedAt = Date.now();
for (let from = 1; from <= Number(rows); from += BATCH_ROWS) {
  const size = Math.min(BATCH_ROWS, Number(rows) - from + 1);
  await queue.addBulk(
    Array.from({ length: size }, (_, index) => {
      const { traceId, spanId } = benchRow(from + index);
      return plainJob(traceId, spanId);
    }),
  );
}
const enqueuedAt = Date.now();

const worker = new Worker(
  "plain",
  async () => undefined,
  { connection, concurrency: Number(concurrency), removeOnComplete: { count: 0 } },
  createPostgresBackend,
);
await untilCompleted(worker, Number(rows));
const completedAt = Date.now();
await worker.close();
await queue.close();
await pool.end();
process.stdout.write(JSON.stringify({ startedAt, enqueuedAt, completedAt }));
