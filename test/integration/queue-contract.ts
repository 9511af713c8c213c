/** What the queue port promises, whatever it runs on. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import type { JobVerdict, Queues, QueueWorker, RowJob, WorkOptions } from "../../src/core/queue.ts";
import { ROWS_PER_JOB } from "../../src/queue/row-job.ts";

export interface QueueUnderTest {
  /** Opens the port; each call as a process of its own would. */
  open(onFault?: (error: Error) => void, nowMs?: () => number): Queues;
  /** Adds a job that is not ours to a queue by its name. */
  addForeign(queue: string, name: string, data: unknown, id: string): Promise<void>;
  close(): Promise<void>;
}

const OPTIONS: WorkOptions = { concurrency: 4, lockMs: 30_000, stalledCheckMs: 30_000 };
const DONE: JobVerdict = { kind: "done" };
const WITHIN = { timeout: 10_000, interval: 20 };
/** Of a process that has to start first. */
const WITHIN_A_START = { timeout: 15_000, interval: 20 };
const HOLDER = fileURLToPath(new URL("../support/queue-holder.ts", import.meta.url));

export function rowJobs(count: number, generation = 0): RowJob[] {
  return Array.from({ length: count }, (_, index) => ({
    row: index + 1,
    datasetGroupId: 42,
    traceId: `trace-${index + 1}`,
    spanId: index % 2 === 0 ? undefined : `span-${index + 1}`,
    generation,
  }));
}

/** Jobs of a worker that is killed are run by another one. `url` and `prefix` lead that worker's process to the queues. */
export async function expectTakenOver(queues: Queues, { url, prefix }: { url: string; prefix: string }) {
  const queue = queues.runQueue("killed");
  await queue.enqueue(rowJobs(4));
  const child = fork(HOLDER, [url, prefix, "killed"], { stdio: "inherit" });
  onTestFinished(() => void child.kill("SIGKILL"));
  await vi.waitFor(async () => expect(await queue.backlog()).toBe(0), WITHIN_A_START);
  const seen: number[] = [];
  const worker = await queues.workOn(
    "killed",
    async ({ row }) => {
      seen.push(row);
      return DONE;
    },
    { concurrency: 4, lockMs: 500, stalledCheckMs: 200 },
  );
  expect(seen).toEqual([]);
  child.kill("SIGKILL");
  await once(child, "exit");
  await vi.waitFor(() => expect(new Set(seen)).toEqual(new Set([1, 2, 3, 4])), WITHIN_A_START);
  await vi.waitFor(async () => expect(await queue.unfinished()).toBe(0), WITHIN_A_START);
  await worker.close();
  await queue.remove();
}

export function queueContract(name: string, start: () => Promise<QueueUnderTest>): void {
  describe(`the queue on ${name}`, () => {
    let under: QueueUnderTest;
    let queues: Queues;
    const faults: Error[] = [];
    let runs = 0;
    const newRunId = () => {
      runs += 1;
      return `contract-${process.pid}-${runs}`;
    };
    /** A run's queue and its workers, which go with the test. */
    const openRun = (of = queues) => {
      const runId = newRunId();
      const queue = of.runQueue(runId);
      const workers: QueueWorker[] = [];
      const closeWorkers = () => Promise.all(workers.splice(0).map((worker) => worker.close()));
      onTestFinished(async () => {
        await closeWorkers();
        await queue.remove();
        await queue.close();
      });
      return {
        runId,
        queue,
        work: async (process: (row: RowJob) => Promise<JobVerdict>, options = OPTIONS) => {
          workers.push(await of.workOn(runId, process, options));
        },
        closeWorkers,
        /** Resolves when no job is left, and the workers are closed. */
        worked: async () => {
          await vi.waitFor(async () => expect(await queue.unfinished()).toBe(0), WITHIN);
          await closeWorkers();
        },
      };
    };

    beforeAll(async () => {
      under = await start();
      queues = under.open((error) => faults.push(error));
    });
    afterAll(async () => {
      await queues?.close();
      await under?.close();
    });

    test("hands each job over once, as it was given", async () => {
      const { queue, work, worked } = openRun();
      await queue.enqueue(rowJobs(40));
      const seen: RowJob[] = [];
      await work(async (job) => {
        seen.push(job);
        return DONE;
      });
      await worked();
      expect(seen.toSorted((a, b) => a.row - b.row)).toEqual(rowJobs(40));
    });

    test("keeps a job that is there when its batch is sent again, and takes a fresh generation of it", async () => {
      const { queue, work, worked } = openRun();
      await queue.enqueue(rowJobs(60));
      await queue.enqueue(rowJobs(60));
      await queue.enqueue(rowJobs(2, 7));
      const seen: string[] = [];
      await work(async ({ row, generation }) => {
        seen.push(`${row}-${generation}`);
        return DONE;
      });
      await worked();
      const expected = [...rowJobs(60), ...rowJobs(2, 7)].map(
        ({ row, generation }) => `${row}-${generation}`,
      );
      expect(seen.toSorted()).toEqual(expected.toSorted());
    });

    test("counts waiting, delayed and active jobs, and never fewer rows than wait", async () => {
      const { queue, work } = openRun();
      await queue.enqueue(rowJobs(3 * ROWS_PER_JOB - 5));
      expect(await queue.backlog()).toBe(3 * ROWS_PER_JOB);
      const { promise: held, resolve: release } = Promise.withResolvers<void>();
      await work(async (job): Promise<JobVerdict> => {
        if (job.row === 1) return { kind: "again", delayMs: 3_600_000 };
        await held;
        return DONE;
      });
      await vi.waitFor(async () => expect(await queue.backlog()).toBe(2 * ROWS_PER_JOB), WITHIN);
      expect(await queue.unfinished()).toBe(3);
      release();
      await vi.waitFor(async () => expect(await queue.unfinished()).toBe(1), WITHIN);
      expect(await queue.backlog()).toBe(ROWS_PER_JOB);
    });

    test("puts a job back for later, or for at once, as often as it is told to", async () => {
      const { queue, work, worked } = openRun();
      await queue.enqueue(rowJobs(2));
      const tries = new Map<number, number[]>();
      await work(async (job): Promise<JobVerdict> => {
        const before = tries.get(job.row) ?? [];
        tries.set(job.row, [...before, performance.now()]);
        if (before.length === 3) return DONE;
        return { kind: "again", delayMs: job.row === 1 ? 0 : 150 };
      });
      await worked();
      expect(tries.get(1)).toHaveLength(4);
      const delayed = tries.get(2) ?? [];
      expect(delayed).toHaveLength(4);
      // Never sooner than asked for, give or take the timer's grain.
      for (const [index, at] of delayed.slice(1).entries())
        expect(at - (delayed[index] ?? 0)).toBeGreaterThan(140);
    });

    test("counts delays from the time that it is given, not from the machine's", async () => {
      const late = under.open(undefined, () => Date.now() - 3_600_000);
      onTestFinished(() => late.close());
      const { queue, work, worked } = openRun(late);
      await queue.enqueue(rowJobs(1));
      let tries = 0;
      await work(async () => {
        tries += 1;
        return tries === 1 ? { kind: "again", delayMs: 3_600_100 } : DONE;
      });
      await worked();
      expect(tries).toBe(2);
    });

    test("puts back only those rows of a job that are to be tried again", async () => {
      const { queue, work, worked } = openRun();
      await queue.enqueue(rowJobs(ROWS_PER_JOB));
      const tries = new Map<number, number>();
      await work(async ({ row }): Promise<JobVerdict> => {
        tries.set(row, (tries.get(row) ?? 0) + 1);
        return row % 5 === 0 && tries.get(row) === 1 ? { kind: "again", delayMs: 10 * row } : DONE;
      });
      await worked();
      expect([...tries]).toEqual(rowJobs(ROWS_PER_JOB).map(({ row }) => [row, row % 5 === 0 ? 2 : 1]));
    });

    test("a row that takes long holds up no other job", async () => {
      const { queue, work, closeWorkers } = openRun();
      await queue.enqueue(rowJobs(4 * ROWS_PER_JOB));
      let done = 0;
      const { promise: held, resolve: release } = Promise.withResolvers<void>();
      await work(async ({ row }) => {
        // One of each job but the last: as many as may be in hand, less one.
        if (row % ROWS_PER_JOB === 1 && row < 3 * ROWS_PER_JOB) await held;
        done += 1;
        return DONE;
      });
      await vi.waitFor(() => expect(done).toBe(4 * ROWS_PER_JOB - 3), WITHIN);
      release();
      await closeWorkers();
      expect(await queue.unfinished()).toBe(0);
    });

    test("puts a job back when its processor throws, and tells it", async () => {
      const { queue, work, worked } = openRun();
      await queue.enqueue(rowJobs(1));
      let tries = 0;
      await work(async () => {
        tries += 1;
        if (tries === 1) throw new Error("the store had no room");
        return DONE;
      });
      await worked();
      expect(tries).toBe(2);
      expect(faults.map(({ message }) => message)).toContain("the store had no room");
    });

    test("drops jobs that are not ours, and tells it", async () => {
      const { runId, queue, work, worked } = openRun();
      await under.addForeign(`run-${runId}`, "row", { hello: "world" }, "r1");
      await under.addForeign(`run-${runId}`, "row", [42, "trace-2"], "somebody-2");
      await queue.enqueue(rowJobs(3).slice(2));
      const seen: RowJob[] = [];
      await work(async (job) => {
        seen.push(job);
        return DONE;
      });
      await worked();
      expect(seen.map(({ row }) => row)).toEqual([3]);
      const told = faults.map(({ message }) => message).filter((message) => message.includes(runId));
      expect(told).toHaveLength(2);
    });

    test("a job that takes longer than its lock stays with its worker", async () => {
      const { queue, work, worked } = openRun();
      await queue.enqueue(rowJobs(1));
      const options = { concurrency: 4, lockMs: 400, stalledCheckMs: 100 };
      let begun = 0;
      const process = async (): Promise<JobVerdict> => {
        begun += 1;
        await sleep(1_500);
        return DONE;
      };
      await work(process, options);
      await work(process, options);
      await worked();
      expect(begun).toBe(1);
    });

    test("a worker that closes awaits the jobs in hand and takes no more", async () => {
      const { queue, work, closeWorkers } = openRun();
      await queue.enqueue(rowJobs(3 * ROWS_PER_JOB));
      let begun = 0;
      let ended = 0;
      const { promise: held, resolve: release } = Promise.withResolvers<void>();
      await work(async (job): Promise<JobVerdict> => {
        begun += 1;
        await held;
        ended += 1;
        // As a row that was told to stop is put back.
        return job.row === 1 ? { kind: "again", delayMs: 0 } : DONE;
      });
      await vi.waitFor(() => expect(begun).toBe(ROWS_PER_JOB), WITHIN);
      const closed = closeWorkers();
      release();
      await closed;
      expect([begun, ended]).toEqual([ROWS_PER_JOB, ROWS_PER_JOB]);
      expect(await queue.backlog()).toBe(3 * ROWS_PER_JOB);
      expect(await queue.unfinished()).toBe(3);
    });

    test("is removed with jobs in hand, and can be filled anew under the same name", async () => {
      const { queue, work, closeWorkers } = openRun();
      await queue.enqueue(rowJobs(3 * ROWS_PER_JOB));
      let begun = 0;
      const { promise: held, resolve: release } = Promise.withResolvers<void>();
      await work(async () => {
        begun += 1;
        await held;
        return DONE;
      });
      await vi.waitFor(() => expect(begun).toBe(ROWS_PER_JOB), WITHIN);
      await queue.remove();
      expect(await queue.unfinished()).toBe(0);
      await queue.remove();
      release();
      await closeWorkers();
      const seen: number[] = [];
      await queue.enqueue(rowJobs(3));
      await work(async ({ row }) => {
        seen.push(row);
        return DONE;
      });
      await vi.waitFor(() => expect(new Set(seen)).toEqual(new Set([1, 2, 3])), WITHIN);
    });

    test("a run is asked to be finished once, however often it is asked, and again after that", async () => {
      const runId = newRunId();
      await queues.requestFinish(runId);
      await queues.requestFinish(runId);
      let steps = 0;
      const worker = await queues.workOnControl(
        {
          finishRun: async (asked): Promise<JobVerdict> => {
            if (asked !== runId) return DONE;
            steps += 1;
            if (steps === 1) await queues.requestFinish(runId);
            return steps < 3 ? { kind: "again", delayMs: 50 } : DONE;
          },
        },
        OPTIONS,
      );
      await vi.waitFor(() => expect(steps).toBe(3), WITHIN);
      await sleep(200);
      expect(steps).toBe(3);
      await queues.requestFinish(runId);
      await vi.waitFor(() => expect(steps).toBe(4), WITHIN);
      await worker.close();
    });

    test("wakes a worker for a sync whenever its schedule says so, until the schedule is gone", async () => {
      const sync = `nightly-${process.pid}`;
      const ofOurs = async () => (await queues.listSchedules()).filter((one) => one.sync === sync);
      await queues.setSchedule({ sync, cron: "0 2 * * *", timezone: "Europe/Berlin" });
      expect(await ofOurs()).toEqual([{ sync, cron: "0 2 * * *", timezone: "Europe/Berlin" }]);
      const everySecond = { sync, cron: "* * * * * *", timezone: "Asia/Tokyo" };
      await queues.setSchedule(everySecond);
      await queues.setSchedule(everySecond);
      expect(await ofOurs()).toEqual([everySecond]);
      const woken: string[] = [];
      const handlers = {
        finishRun: async () => DONE,
        syncTick: async (name: string) => {
          woken.push(name);
          return DONE;
        },
      };
      const worker = await queues.workOnControl(handlers, OPTIONS);
      await vi.waitFor(() => expect(woken.length).toBeGreaterThanOrEqual(2), WITHIN);
      await queues.removeSchedule(sync);
      await queues.removeSchedule(sync);
      expect(await ofOurs()).toEqual([]);
      await queues.requestTick(`${sync}-by-hand`);
      await vi.waitFor(() => expect(woken).toContain(`${sync}-by-hand`), WITHIN);
      await worker.close();
    });

    test("control jobs of another version are dropped, and told", async () => {
      await under.addForeign("control", "dance", { runId: "x" }, `dance-${process.pid}`);
      const worker = await queues.workOnControl({ finishRun: async () => DONE }, OPTIONS);
      await vi.waitFor(
        () => expect(faults.map(({ message }) => message).join()).toContain('control job "dance"'),
        WITHIN,
      );
      await worker.close();
    });
  });
}
