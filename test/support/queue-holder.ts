/** A process that takes the jobs of a run and never ends them, to be killed by a test. */
import type { PgPool } from "bullmq";
import { Redis } from "ioredis";
import { openQueues, type QueueConnection } from "../../src/queue/bullmq-queues.ts";
import { openPostgres } from "../../src/store/postgres/open.ts";

const [url = "", prefix = "", runId = ""] = process.argv.slice(2);
const queues = openQueues({
  connection: url.startsWith("redis") ? connectRedis() : await connectPostgres(),
  onFault: () => undefined,
  nowMs: Date.now,
});
await queues.workOn(runId, () => new Promise(() => undefined), {
  concurrency: 4,
  lockMs: 500,
  stalledCheckMs: 200,
});

function connectRedis(): QueueConnection {
  const [producer, consumer] = [1, null].map(
    (maxRetriesPerRequest) => new Redis(url, { maxRetriesPerRequest }),
  );
  return { kind: "redis", producer: producer!, consumer: consumer!, prefix };
}

async function connectPostgres(): Promise<QueueConnection> {
  const { producer, consumer } = await openPostgres({ url, onFault: () => undefined });
  return {
    kind: "postgres",
    producer: producer as unknown as PgPool,
    consumer: consumer as unknown as PgPool,
    prefix,
  };
}
