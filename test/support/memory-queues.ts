/** The queue port in plain maps, with the workers that a test starts on it; and ways to make it fail or lose jobs. */
import type {
  ControlHandlers,
  JobVerdict,
  Queues,
  QueueSchedule,
  QueueWorker,
  RowJob,
  RunQueue,
  WorkOptions,
} from "../../src/core/queue.ts";
import type { Clock } from "../../src/core/clock.ts";

export interface MemoryQueues extends Queues {
  /** Ids of the run's jobs that wait. */
  waiting(runId: string): string[];
  /** Queues that were made for runs and not closed. */
  openQueues(): number;
  /** Workers that were started and not closed. */
  openWorkers(): number;
  /** Runs whose queue was removed, in order. */
  readonly removed: string[];
  /** Runs that were asked to be finished, and not yet taken up. */
  readonly finishRequests: Set<string>;
  /** Schedules there are, by their syncs. */
  readonly schedules: Map<string, QueueSchedule>;
  /** Syncs that somebody was to be woken for, and not yet taken up. */
  readonly tickRequests: Set<string>;
  /** Takes the run's waiting jobs away, as a crash would. */
  loseJobs(runId: string): void;
  /** Every call to a run's queue (and `requestFinish`) rejects with this until it is undefined again. */
  failure: Error | undefined;
}

interface MemoryQueue {
  jobs: Map<string, RowJob>;
  delayed: Set<string>;
  active: Set<string>;
  wake: Set<() => void>;
}

export function memoryQueues(clock: Clock): MemoryQueues {
  const queues = new Map<string, MemoryQueue>();
  const finishRequests = new Set<string>();
  const finishWake = new Set<() => void>();
  const removed: string[] = [];
  const schedules = new Map<string, QueueSchedule>();
  const tickRequests = new Set<string>();
  let openQueues = 0;
  let openWorkers = 0;
  const queueOf = (runId: string): MemoryQueue => {
    const known = queues.get(runId) ?? {
      jobs: new Map(),
      delayed: new Set(),
      active: new Set(),
      wake: new Set(),
    };
    queues.set(runId, known);
    return known;
  };

  const memory: MemoryQueues = {
    removed,
    finishRequests,
    schedules,
    tickRequests,
    failure: undefined,
    waiting: (runId) => [...queueOf(runId).jobs.keys()],
    openQueues: () => openQueues,
    openWorkers: () => openWorkers,
    loseJobs: (runId) => queueOf(runId).jobs.clear(),
    runQueue: (runId): RunQueue => {
      openQueues += 1;
      const asked = <T>(answer: () => T): Promise<T> =>
        memory.failure === undefined ? Promise.resolve(answer()) : Promise.reject(memory.failure);
      return {
        enqueue: (jobs) =>
          asked(() => {
            const queue = queueOf(runId);
            for (const job of jobs) {
              const id = idOf(job);
              if (queue.jobs.has(id) || queue.active.has(id) || queue.delayed.has(id)) continue;
              queue.jobs.set(id, job);
            }
            for (const wake of queue.wake) wake();
          }),
        backlog: () => asked(() => queueOf(runId).jobs.size + queueOf(runId).delayed.size),
        unfinished: () =>
          asked(() => {
            const { jobs, delayed, active } = queueOf(runId);
            return jobs.size + delayed.size + active.size;
          }),
        remove: () =>
          asked(() => {
            removed.push(runId);
            queueOf(runId).jobs.clear();
            queueOf(runId).delayed.clear();
          }),
        close: async () => {
          openQueues -= 1;
        },
      };
    },
    workOn: async (runId, process, { concurrency }: WorkOptions): Promise<QueueWorker> => {
      openWorkers += 1;
      const queue = queueOf(runId);
      const inHand = new Set<Promise<void>>();
      let closed = false;
      const runOne = async (id: string, job: RowJob): Promise<void> => {
        const verdict = await process(job).catch((): JobVerdict => ({ kind: "again", delayMs: 1_000 }));
        queue.active.delete(id);
        if (verdict.kind === "done") return;
        queue.delayed.add(id);
        if (verdict.delayMs > 0) await clock.sleep(verdict.delayMs);
        if (queue.delayed.delete(id)) queue.jobs.set(id, job);
        for (const wake of queue.wake) wake();
      };
      const take = () => {
        for (const [id, job] of queue.jobs) {
          if (closed || inHand.size >= concurrency) return;
          queue.jobs.delete(id);
          queue.active.add(id);
          const running = runOne(id, job).finally(() => {
            inHand.delete(running);
            take();
          });
          inHand.add(running);
        }
      };
      queue.wake.add(take);
      take();
      return {
        close: async () => {
          if (!closed) openWorkers -= 1;
          closed = true;
          queue.wake.delete(take);
          await Promise.all(inHand);
        },
      };
    },
    requestFinish: async (runId) => {
      if (memory.failure !== undefined) throw memory.failure;
      finishRequests.add(runId);
      for (const wake of finishWake) wake();
    },
    requestTick: async (sync) => {
      if (memory.failure !== undefined) throw memory.failure;
      tickRequests.add(sync);
      for (const wake of finishWake) wake();
    },
    setSchedule: async (schedule) => {
      if (memory.failure !== undefined) throw memory.failure;
      schedules.set(schedule.sync, schedule);
    },
    removeSchedule: async (sync) => {
      if (memory.failure !== undefined) throw memory.failure;
      schedules.delete(sync);
    },
    listSchedules: async () => [...schedules.values()],
    workOnControl: async (handlers: ControlHandlers) => {
      const inHand = new Set<Promise<void>>();
      const taken = new Set<string>();
      let closed = false;
      const runOne = async (runId: string): Promise<void> => {
        const verdict = await handlers
          .finishRun(runId)
          .catch((): JobVerdict => ({ kind: "again", delayMs: 1_000 }));
        if (verdict.kind === "done") finishRequests.delete(runId);
        else await clock.sleep(verdict.delayMs);
        taken.delete(runId);
      };
      const wakeUp = (sync: string) => {
        tickRequests.delete(sync);
        const running = Promise.resolve(handlers.syncTick?.(sync))
          .then(() => undefined)
          .finally(() => inHand.delete(running));
        inHand.add(running);
      };
      const take = () => {
        for (const sync of closed ? [] : [...tickRequests]) wakeUp(sync);
        for (const runId of finishRequests) {
          if (closed || taken.has(runId)) continue;
          taken.add(runId);
          const running = runOne(runId).finally(() => {
            inHand.delete(running);
            take();
          });
          inHand.add(running);
        }
      };
      finishWake.add(take);
      take();
      return {
        // A job that waits for its next turn is the queue's, not the worker's.
        close: async () => {
          closed = true;
          finishWake.delete(take);
        },
      };
    },
    close: async () => undefined,
  };
  return memory;
}

function idOf(job: RowJob): string {
  return job.generation === 0 ? `r${job.row}` : `r${job.row}-${job.generation}`;
}
