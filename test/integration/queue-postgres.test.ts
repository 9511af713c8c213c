/** The queue keeps its promises on a Postgres server, workers that are killed and a server that is away included. */
import { createPostgresBackend, Queue, type PgPool } from "bullmq";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { openQueues, type QueueConnection } from "../../src/queue/bullmq-queues.ts";
import { openPostgres } from "../../src/store/postgres/open.ts";
import { findPostgres, type PostgresServer } from "../support/postgres-server.ts";
import { expectTakenOver, queueContract, rowJobs } from "./queue-contract.ts";

const postgres = await findPostgres("the queue on Postgres", { restartable: true });
const WITHIN = { timeout: 15_000, interval: 20 };
const PREFIX = "contract-";
const NOBODY = () => undefined;

async function connect(url: string) {
  const opened = await openPostgres({ url, onFault: NOBODY });
  const connection: QueueConnection = {
    kind: "postgres",
    producer: opened.producer as unknown as PgPool,
    consumer: opened.consumer as unknown as PgPool,
    prefix: PREFIX,
  };
  return { connection, opened };
}

if (postgres === undefined) {
  describe.skip("the queue on Postgres", () => test("needs a Postgres"));
} else {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await postgres.start();
  });
  afterAll(() => server.stop());

  queueContract("Postgres", async () => {
    const { connection, opened } = await connect(server.url);
    return {
      open: (onFault = NOBODY, nowMs = Date.now) => openQueues({ connection, onFault, nowMs }),
      addForeign: async (name, job, data, jobId) => {
        const pool = opened.producer as unknown as PgPool;
        const queue = new Queue(`${PREFIX}${name}`, { connection: pool }, createPostgresBackend);
        await queue.add(job, data, { jobId });
        await queue.close();
      },
      close: () => opened.close(),
    };
  });

  test("queues opened while the server is away work when it is back; so do workers, however many there are", async () => {
    const { connection, opened } = await connect(server.url);
    const queues = openQueues({ nowMs: Date.now, connection, onFault: NOBODY });
    await server.kill();
    // More than a pool has connections: each of BullMQ's workers would keep one.
    const runs = Array.from({ length: 12 }, (_, index) => `run-${index}`);
    const seen = new Set<string>();
    const workers = await Promise.all(
      runs.map((runId) =>
        queues.workOn(
          runId,
          async ({ row }) => {
            seen.add(`${runId} ${row}`);
            return { kind: "done" };
          },
          { concurrency: 4, lockMs: 30_000, stalledCheckMs: 30_000 },
        ),
      ),
    );
    let finished = 0;
    const control = await queues.workOnControl(
      {
        finishRun: async () => {
          finished += 1;
          return { kind: "done" };
        },
      },
      { concurrency: 1, lockMs: 30_000, stalledCheckMs: 30_000 },
    );
    const queue = queues.runQueue("run-0");
    const away = queue.enqueue(rowJobs(1));
    await server.restart();
    await Promise.all([away.catch(NOBODY), ...runs.map((runId) => enqueueWhenItCan(queues, runId))]);
    await queues.requestFinish("run-1");
    await vi.waitFor(() => expect(seen.size).toBe(12 * 3), WITHIN);
    await vi.waitFor(() => expect(finished).toBe(1), WITHIN);
    // The listener is lost and made anew: what is asked for later is heard, too.
    await server.restart();
    await vi.waitFor(() => queues.requestFinish("run-2"), WITHIN);
    await vi.waitFor(() => expect(finished).toBe(2), WITHIN);
    const client = new Client({ connectionString: server.url });
    await client.connect();
    const { rows } = await client.query(
      "select count(*)::integer as open from pg_stat_activity where application_name = 'traceload'",
    );
    await client.end();
    expect(rows[0].open).toBeLessThanOrEqual(9);
    for (const worker of [...workers, control]) await worker.close();
    await queues.close();
    await opened.close();
  });

  test("jobs of a worker that was killed are run again by another, soon after their locks have run out", async () => {
    const { connection, opened } = await connect(server.url);
    const queues = openQueues({ nowMs: Date.now, connection, onFault: NOBODY });
    await expectTakenOver(queues, { url: server.url, prefix: PREFIX });
    await queues.close();
    await opened.close();
  });
}

async function enqueueWhenItCan(queues: ReturnType<typeof openQueues>, runId: string): Promise<void> {
  const queue = queues.runQueue(runId);
  await vi.waitFor(() => queue.enqueue(rowJobs(3)), WITHIN);
}
