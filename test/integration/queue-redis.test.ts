/** The queue keeps its promises on Redis, workers that are killed included. */
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { describe, onTestFinished, test } from "vitest";
import { openQueues } from "../../src/queue/bullmq-queues.ts";
import { findRedis } from "../support/redis-server.ts";
import { expectTakenOver, queueContract } from "./queue-contract.ts";

const redis = await findRedis("the queue on Redis");

if (redis === undefined) {
  describe.skip("the queue on Redis", () => test("needs a Redis"));
} else {
  const prefix = `{traceload-queue-${process.pid}-${Date.now()}}`;

  queueContract("Redis", async () => {
    const server = await redis.start();
    const clients: Redis[] = [];
    const connect = (maxRetriesPerRequest: number | null) => {
      const client = new Redis(server.url, { maxRetriesPerRequest });
      clients.push(client);
      return client;
    };
    return {
      open: (onFault = () => undefined, nowMs = Date.now) =>
        openQueues({
          nowMs,
          connection: { kind: "redis", producer: connect(1), consumer: connect(null), prefix },
          onFault,
        }),
      addForeign: async (name, job, data, jobId) => {
        const queue = new Queue(name, { connection: connect(1), prefix });
        await queue.add(job, data, { jobId });
        await queue.close();
      },
      close: async () => {
        for (const client of clients) client.disconnect();
        await server.stop();
      },
    };
  });

  test("jobs of a worker that was killed are run again by another, soon after their locks have run out", async () => {
    const server = await redis.start();
    onTestFinished(() => server.stop());
    const producer = new Redis(server.url, { maxRetriesPerRequest: 1 });
    const consumer = new Redis(server.url, { maxRetriesPerRequest: null });
    const queues = openQueues({
      nowMs: Date.now,
      connection: { kind: "redis", producer, consumer, prefix },
      onFault: () => undefined,
    });
    await expectTakenOver(queues, { url: server.url, prefix });
    await queues.close();
    producer.disconnect();
    consumer.disconnect();
  });
}
