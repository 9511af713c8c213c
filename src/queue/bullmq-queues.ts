/**
 * The job queue on BullMQ. Nothing else in the project knows BullMQ.
 *
 * BullMQ moves work to workers and notices workers that died. It never decides whether a row may be sent: the ledger
 * does. Its own limiter is not used either, since a fixed window lets through twice the limit in a sliding second.
 */
import {
  createPostgresBackend,
  DelayedError,
  type Job,
  type PgPool,
  type PostgresConnectionOptions,
  Queue,
  WaitingError,
  Worker,
  type WorkerOptions,
} from "bullmq";
import type { Redis } from "ioredis";
import type {
  ControlHandlers,
  JobVerdict,
  Queues,
  QueueWorker,
  RowJob,
  RunQueue,
  WorkOptions,
} from "../core/queue.ts";
import { packRows, ROWS_PER_JOB } from "./row-job.ts";
import { startRowWorker } from "./row-worker.ts";
import { schedulesOn, SYNC_TICK } from "./schedules.ts";

export type QueueConnection =
  | {
      kind: "redis";
      /** For adding jobs and asking about them: fails fast while Redis is away. */
      producer: Redis;
      /** For workers: waits while Redis is away. BullMQ duplicates it for its blocking reads. */
      consumer: Redis;
      prefix: string;
    }
  | {
      kind: "postgres";
      /** As on Redis. For an embedded database, which is never away, both are the same. */
      producer: PgPool;
      consumer: PgPool;
      /** Begins the names of our queues: they lie in one schema with everybody's. */
      prefix: string;
    };

export interface QueuesOptions {
  connection: QueueConnection;
  /** Told of what goes wrong inside BullMQ and does not stop it: lost connections, lost locks. */
  onFault: (error: Error) => void;
  /**
   * The time that delays are counted from: the store's. By the clock of a machine that is an hour ahead, a row put off
   * for a moment would come an hour late.
   */
  nowMs: () => number;
}

const CONTROL_QUEUE = "control";
/** A job that was lost with its worker is run again however often that happens: the ledger says what it means. */
const MAX_STALLED = 1_000_000;
/** Job events are for watchers that we do not have; BullMQ cannot do without the stream. */
const EVENTS_KEPT = 1_000;

/** BullMQ connects lazily and reports connection trouble to `onFault`, not to the caller. */
export function openQueues({ connection, onFault, nowMs }: QueuesOptions): Queues {
  const open = new Set<{ close(): Promise<void> }>();
  let control: Queue | undefined;

  const openQueue = (name: string): Queue => {
    const queue = makeQueue(connection, name);
    queue.on("error", onFault);
    open.add(queue);
    return queue;
  };
  const closing = (worker: QueueWorker): QueueWorker => {
    open.add(worker);
    return {
      close: async () => {
        await worker.close();
        open.delete(worker);
      },
    };
  };
  const controlQueue = () => (control ??= openQueue(CONTROL_QUEUE));

  return {
    runQueue: (runId) => {
      const queue = openQueue(runQueueName(runId));
      return runQueueOn(queue, async () => {
        await queue.close();
        open.delete(queue);
      });
    },
    workOn: async (runId, process, options) => {
      const worker = makeWorker(connection, runQueueName(runId), null, options);
      worker.on("error", onFault);
      const { concurrency: rowsInHand, lockMs } = options;
      return closing(startRowWorker({ worker, process, rowsInHand, lockMs, onFault, nowMs }));
    },
    requestFinish: async (runId) => {
      await controlQueue().add("finish-run", { runId }, { jobId: `finish-${runId}` });
    },
    ...schedulesOn(controlQueue),
    workOnControl: async (handlers: ControlHandlers, options) => {
      const process = async (job: Job): Promise<JobVerdict> => {
        const { runId, sync }: Record<string, unknown> = job.data ?? {};
        if (job.name === "finish-run" && typeof runId === "string") return handlers.finishRun(runId);
        if (job.name === SYNC_TICK && typeof sync === "string") {
          return (await handlers.syncTick?.(sync)) ?? { kind: "done" };
        }
        onFault(new Error(`control job ${JSON.stringify(job.name)} is not known to this version; dropped`));
        return { kind: "done" };
      };
      const worker = makeWorker(
        connection,
        CONTROL_QUEUE,
        (job, token) => obey(job, token, process, { onFault, nowMs }),
        options,
      );
      worker.on("error", onFault);
      return closing({ close: () => closeOnceConnected(worker) });
    },
    close: async () => {
      await Promise.all([...open].map((part) => part.close()));
      open.clear();
    },
  };
}

function runQueueName(runId: string): string {
  return `run-${runId}`;
}

function makeQueue(connection: QueueConnection, name: string): Queue {
  const streams = { events: { maxLen: EVENTS_KEPT } };
  if (connection.kind === "redis") {
    return new Queue(name, { connection: connection.producer, prefix: connection.prefix, streams });
  }
  const pool: PostgresConnectionOptions = connection.producer;
  const options = { connection: pool, streams };
  return new Queue(`${connection.prefix}${name}`, options, createPostgresBackend) as unknown as Queue;
}

function makeWorker(
  connection: QueueConnection,
  name: string,
  /** null: jobs are taken by hand. */
  process: ((job: Job, token: string | undefined) => Promise<void>) | null,
  options: WorkOptions,
): Worker {
  const settings = {
    concurrency: options.concurrency,
    lockDuration: options.lockMs,
    stalledInterval: options.stalledCheckMs,
    maxStalledCount: MAX_STALLED,
    // On the worker, not on each job: a job's options would make it three times larger.
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  } satisfies Partial<WorkerOptions>;
  if (connection.kind === "redis") {
    return new Worker(name, process, {
      ...settings,
      connection: connection.consumer,
      prefix: connection.prefix,
    });
  }
  const pool: PostgresConnectionOptions = connection.consumer;
  return new Worker(
    `${connection.prefix}${name}`,
    process,
    { ...settings, connection: pool },
    createPostgresBackend,
  ) as unknown as Worker;
}

/**
 * Closed while it waits to connect again, BullMQ's blocking connection never connects, never ends, and is waited for
 * for ever (BullMQ #4585, of which 6.7 mends another path).
 */
async function closeOnceConnected(worker: Worker): Promise<void> {
  const blocking = await worker.backend.blockingClient;
  if (blocking !== undefined && blocking.status !== "ready") {
    await new Promise<void>((resolve) => {
      blocking.once("ready", () => resolve());
    });
  }
  await worker.close();
}

/** Turns a verdict into BullMQ's terms. Throwing DelayedError and WaitingError is how BullMQ puts a job back. */
async function obey(
  job: Job,
  token: string | undefined,
  process: (job: Job) => Promise<JobVerdict>,
  { onFault, nowMs }: Pick<QueuesOptions, "onFault" | "nowMs">,
): Promise<void> {
  let verdict: JobVerdict;
  try {
    verdict = await process(job);
  } catch (error) {
    onFault(error instanceof Error ? error : new Error(String(error)));
    verdict = { kind: "again", delayMs: 1_000 };
  }
  if (verdict.kind === "done") return;
  if (verdict.delayMs <= 0) {
    await job.moveToWait(token);
    throw new WaitingError();
  }
  await job.moveToDelayed(Math.ceil(nowMs() + verdict.delayMs), token);
  throw new DelayedError();
}

function runQueueOn(queue: Queue, close: () => Promise<void>): RunQueue {
  return {
    enqueue: async (jobs: readonly RowJob[]) => {
      await queue.addBulk(
        packRows(jobs).map(({ id, data }) => ({ name: "rows", data, opts: { jobId: id } })),
      );
    },
    backlog: async () => ROWS_PER_JOB * (await queue.getJobCountByTypes("waiting", "delayed", "prioritized")),
    unfinished: () => queue.getJobCountByTypes("waiting", "delayed", "prioritized", "active"),
    remove: async () => {
      await queue.obliterate({ force: true });
    },
    close,
  };
}
