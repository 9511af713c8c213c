/**
 * Takes a run's jobs by hand, as many as make the wanted number of rows: BullMQ's own loop counts jobs, and waits for
 * one to end before it looks for room again, so that a few rows in their backoff would hold up all others.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Job, Worker } from "bullmq";
import type { JobVerdict, QueueWorker, RowJob } from "../core/queue.ts";
import { encodeRows, unpackRows } from "./row-job.ts";

export interface RowWorkerOptions {
  /** Made without a processor. Closed with this. */
  worker: Worker;
  process: (row: RowJob) => Promise<JobVerdict>;
  /** Rows in hand: no further job is taken while there are as many. */
  rowsInHand: number;
  lockMs: number;
  onFault: (error: Error) => void;
  /** What delays are counted from. */
  nowMs: () => number;
}

/** How often an empty queue is asked for jobs. */
const POLL_MS = 50;
const AFTER_FAULT_MS = 1_000;
/** A row whose processor threw: a fault of ours, or of the store. */
const THROWN: JobVerdict = { kind: "again", delayMs: 1_000 };

/** BullMQ's codes for a job that was removed, or that another worker took over when its lock ran out. */
const NOT_OURS = new Set<unknown>([-1, -2, -3, -6]);

export function startRowWorker(options: RowWorkerOptions): QueueWorker {
  const { worker, onFault } = options;
  const token = worker.id;
  const stop = new AbortController();
  /** Aborted when nothing is in hand any more. */
  const ended = new AbortController();
  const inHand = new Map<string, Promise<void>>();
  let rows = 0;
  let roomMade: (() => void) | undefined;

  const work = async (job: Job, jobRows: readonly RowJob[]): Promise<void> => {
    const left: RowJob[] = [];
    let delayMs = 0;
    const one = async (row: RowJob) => {
      const verdict = await options.process(row).catch((error: unknown) => {
        onFault(asError(error));
        return THROWN;
      });
      if (verdict.kind === "again") {
        left.push(row);
        delayMs = Math.max(delayMs, verdict.delayMs);
      }
      rows -= 1;
      roomMade?.();
    };
    await Promise.all(jobRows.map(one));
    if (left.length === 0) {
      await job.moveToCompleted(undefined, token, false);
      return;
    }
    // Smaller from now on: rows that have their result would only be claimed in vain.
    if (left.length < jobRows.length) await job.updateData(encodeRows(left));
    if (delayMs <= 0) await job.moveToWait(token);
    else await job.moveToDelayed(Math.ceil(options.nowMs() + delayMs), token);
  };

  const begin = (job: Job): void => {
    const id = String(job.id);
    const jobRows = unpackRows(job.id, job.data);
    if (jobRows === undefined) {
      onFault(new Error(`job ${JSON.stringify(job.id)} of ${worker.name} holds no rows; dropped`));
    }
    rows += jobRows?.length ?? 0;
    const done = work(job, jobRows ?? [])
      .catch((error: unknown) => {
        const fault = asError(error);
        if (!("code" in fault && NOT_OURS.has(fault.code))) onFault(fault);
      })
      .finally(() => inHand.delete(id));
    inHand.set(id, done);
  };

  const take = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      if (rows >= options.rowsInHand) {
        await new Promise<void>((resolve) => (roomMade = resolve));
        roomMade = undefined;
        continue;
      }
      try {
        const job = await worker.getNextJob(token, { block: false });
        if (job === undefined) await delay(POLL_MS, undefined, { signal: stop.signal });
        else begin(job);
      } catch (error) {
        if (stop.signal.aborted) return;
        onFault(asError(error));
        await delay(AFTER_FAULT_MS, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    }
  };

  const keepLocks = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await delay(options.lockMs / 4, undefined, { signal: ended.signal }).catch(() => undefined);
      const ids = [...inHand.keys()];
      if (ids.length === 0) continue;
      const tokens = ids.map(() => token);
      await worker
        .extendJobLocks(ids, tokens, options.lockMs)
        .catch((error: unknown) => onFault(asError(error)));
    }
  };
  worker.startStalledCheckTimer().catch((error: unknown) => onFault(asError(error)));
  const taking = take();
  const keeping = keepLocks();
  return {
    close: async () => {
      stop.abort();
      roomMade?.();
      await taking;
      while (inHand.size > 0) await Promise.all(inHand.values());
      ended.abort();
      await keeping;
      await worker.close();
    },
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
