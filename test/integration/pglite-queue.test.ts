/** BullMQ's PostgreSQL backend on the embedded pool. */
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import {
  createPostgresBackend,
  type Processor,
  Queue,
  Worker,
  type PgPool,
  type WorkerOptions,
} from "bullmq";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { openEmbedded, type Embedded } from "../../src/store/pglite/open.ts";
import { releaseActiveJobs } from "../../src/store/pglite/active-jobs.ts";
import { scratchDirectory } from "../support/scratch-directory.ts";

describe("BullMQ on the embedded pool", () => {
  let embedded: Embedded;
  let connection: PgPool;
  const scratch = scratchDirectory();
  // Closed after a test that failed, too: a worker would go on about the pool that has ended.
  const openQueue = (name: string) => {
    const queue = new Queue(name, { connection }, createPostgresBackend);
    onTestFinished(() => queue.close());
    return queue;
  };
  const openWorker = (
    name: string,
    process: Processor | null,
    options: Omit<WorkerOptions, "connection">,
  ) => {
    const worker = new Worker(name, process, { connection, ...options }, createPostgresBackend);
    onTestFinished(() => worker.close());
    return worker;
  };

  beforeAll(async () => {
    embedded = await openEmbedded({ directory: scratch.path("store") });
    connection = embedded.pool as unknown as PgPool;
  });
  afterAll(async () => {
    await embedded?.close();
    await scratch.remove();
  });

  test("runs every job once", async () => {
    const queue = openQueue("many");
    const ran = new Map<string, number>();
    const jobs = Array.from({ length: 300 }, (_, index) => ({
      name: "row",
      data: { n: index },
      opts: { jobId: `r${index}` },
    }));
    await queue.addBulk(jobs);
    await queue.addBulk(jobs);
    const worker = openWorker(
      "many",
      async (job) => {
        ran.set(String(job.id), (ran.get(String(job.id)) ?? 0) + 1);
      },
      { concurrency: 32, removeOnComplete: { count: 0 } },
    );
    await vi.waitFor(async () => expect(await queue.count()).toBe(0), { timeout: 15_000 });
    await worker.close();
    expect([...ran.values()].filter((times) => times !== 1)).toEqual([]);
    expect(ran.size).toBe(300);
  });

  test("takes any number of queues without a warning", async () => {
    const warnings: string[] = [];
    const note = (warning: Error): void => void warnings.push(warning.name);
    process.on("warning", note);
    const queues = Array.from({ length: 20 }, (_, index) => {
      return openQueue(`open-${index}`);
    });
    for (const queue of queues) await queue.add("row", {});
    // Warnings are emitted a tick later.
    await setImmediate();
    process.off("warning", note);
    expect(warnings).toEqual([]);
    for (const queue of queues) {
      await queue.drain();
    }
  });

  test("wakes an idle worker by a notification, long before it would look again", async () => {
    const queue = openQueue("idle");
    // A worker that missed one notification would sleep for a minute, and the test with it.
    const worker = openWorker("idle", async () => undefined, { drainDelay: 60 });
    await worker.waitUntilReady();
    for (let round = 0; round < 20; round += 1) {
      const completed = once(worker, "completed");
      await queue.add("row", { round });
      await completed;
    }
  });

  test("renews the lock of a job that takes longer than its lock", async () => {
    const queue = openQueue("long");
    let runs = 0;
    const worker = openWorker(
      "long",
      async () => {
        runs += 1;
        const until = performance.now() + 2_500;
        // Statements without a pause: renewing has to find its way in between.
        while (performance.now() < until) await embedded.pool.query("select $1::integer", [runs]);
      },
      { lockDuration: 900, stalledInterval: 300, maxStalledCount: 100 },
    );
    const completed = once(worker, "completed");
    await queue.add("row", {});
    await completed;
    await worker.close();
    expect(runs).toBe(1);
  });

  test("gives back at once what a dead worker held", async () => {
    const queue = openQueue("dead");
    await queue.addBulk([1, 2, 3].map((n) => ({ name: "row", data: { n }, opts: { jobId: `r${n}` } })));
    const taker = openWorker("dead", null, { lockDuration: 600_000 });
    const taken = [await taker.getNextJob("token"), await taker.getNextJob("token")];
    expect(taken.map((job) => job?.id)).toEqual(["r1", "r2"]);
    expect(await releaseActiveJobs(embedded.pool, "dead")).toBe(2);
    expect(await queue.getJobCounts("active", "waiting")).toEqual({ active: 0, waiting: 3 });
  });
});
