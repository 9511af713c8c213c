/** The queue keeps its promises on Redis, workers that are killed included. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { openQueues } from "../../src/queue/bullmq-queues.ts";
import { findRedis } from "../support/redis-server.ts";
import { queueContract, rowJobs } from "./queue-contract.ts";

const redis = await findRedis("the queue on Redis");
const WITHIN = { timeout: 15_000, interval: 20 };
const CHILD = fileURLToPath(new URL("../support/queue-holder.ts", import.meta.url));

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
    const queue = queues.runQueue("killed");
    await queue.enqueue(rowJobs(4));
    const child = fork(CHILD, [server.url, prefix, "killed"], { stdio: "inherit" });
    onTestFinished(() => void child.kill("SIGKILL"));
    await vi.waitFor(async () => expect(await queue.backlog()).toBe(0), WITHIN);
    const seen: number[] = [];
    const worker = await queues.workOn(
      "killed",
      async ({ row }) => {
        seen.push(row);
        return { kind: "done" };
      },
      { concurrency: 4, lockMs: 500, stalledCheckMs: 200 },
    );
    expect(seen).toEqual([]);
    child.kill("SIGKILL");
    await once(child, "exit");
    await vi.waitFor(() => expect(new Set(seen)).toEqual(new Set([1, 2, 3, 4])), WITHIN);
    await vi.waitFor(async () => expect(await queue.unfinished()).toBe(0), WITHIN);
    await worker.close();
    await queue.remove();
    await queues.close();
    producer.disconnect();
    consumer.disconnect();
  });
}
