/** The port to the job queue: a queue per run, and one control queue. A job holds one row or several. */

/** What a worker needs to send one row. */
export interface RowJob {
  row: number;
  datasetGroupId: number;
  traceId: string;
  spanId: string | undefined;
  /** Counts re-queueings of the same row; 0 the first time. A fresh id is needed while a lost job holds the old one. */
  generation: number;
}

/** What the processor of a row, or of a control job, answers. */
export type JobVerdict =
  /** It has its result, or nobody needs it any more. */
  | { kind: "done" }
  /** Put it back, to be tried again no sooner than `delayMs` from now. */
  | { kind: "again"; delayMs: number };

export interface RunQueue {
  /**
   * Adds the rows. Safe to repeat as a whole with the same rows and generations: jobs that are there are kept.
   * Resolves when the store has them.
   */
  enqueue(jobs: readonly RowJob[]): Promise<void>;
  /** Rows not yet taken, waiting and delayed: at most so many, since not every job is full. */
  backlog(): Promise<number>;
  /** Jobs not yet finished: waiting, delayed and active. 0: no row has a job. */
  unfinished(): Promise<number>;
  /** Removes the queue and all jobs. For a run that is over. */
  remove(): Promise<void>;
  close(): Promise<void>;
}

export interface QueueWorker {
  /** Takes no more jobs; resolves when those in hand have ended. */
  close(): Promise<void>;
}

export interface WorkOptions {
  /** Rows (or control jobs) in hand: no further job is taken while there are as many. */
  concurrency: number;
  /** How long a job stays a worker's own without a sign of life. */
  lockMs: number;
  stalledCheckMs: number;
}

export interface Queues {
  runQueue(runId: string): RunQueue;
  /**
   * Starts taking the run's jobs; the rows of a job are processed side by side, and those to be tried again are put back
   * together. `process` must not throw; what it throws is reported and the row put back.
   */
  workOn(
    runId: string,
    process: (job: RowJob) => Promise<JobVerdict>,
    options: WorkOptions,
  ): Promise<QueueWorker>;
  /** Asks that some worker of the fleet finish the run. Repeating it while the request stands changes nothing. */
  requestFinish(runId: string): Promise<void>;
  /** Wakes some worker of the fleet for a sync, whatever its schedule says. */
  requestTick(sync: string): Promise<void>;
  /** Has some worker woken for the sync whenever its schedule says so. Repeating it changes nothing. */
  setSchedule(schedule: QueueSchedule): Promise<void>;
  removeSchedule(sync: string): Promise<void>;
  /** All there are, in no particular order. */
  listSchedules(): Promise<QueueSchedule[]>;
  /** Serves the control queue. */
  workOnControl(handlers: ControlHandlers, options: WorkOptions): Promise<QueueWorker>;
  close(): Promise<void>;
}

export interface QueueSchedule {
  sync: string;
  cron: string;
  timezone: string;
}

export interface ControlHandlers {
  finishRun(runId: string): Promise<JobVerdict>;
  /** A tick of the sync may be due. Absent where no syncs are run: whoever runs them looks by itself, too. */
  syncTick?: (sync: string) => Promise<JobVerdict>;
}
