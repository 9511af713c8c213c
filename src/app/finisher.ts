/**
 * Ends a run. A run is over only when every row that was read has a result, and the server was asked about those that
 * are unknown: lost jobs are queued anew, and after a stop the rows that were not sent become unprocessed, once nothing
 * of the run is in flight any more.
 */
import type { RunQueue } from "../core/queue.ts";
import { ACTIVE_STATES, RUNNING_STATES, rowsRead, type StatusCounts, zeroCounts } from "../core/status.ts";
import type { Run, RunChange, Store, StoredRow } from "../core/store.ts";
import type { Clock } from "../core/clock.ts";
import { type Feed, startFeed, storedRowKey } from "./feed.ts";
import { PAGE_ROWS, rowPages } from "./row-pages.ts";
import type { Publisher } from "./publish/publish.ts";
import { makePublishStep } from "./publish/step.ts";
import type { Verifier } from "./verify/verify.ts";
import { makeRounds, rowsToSend } from "./verify/rounds.ts";

export interface FinisherOptions {
  store: Pick<
    Store,
    "getRun" | "changeRun" | "readRows" | "lookup" | "markUnprocessed" | "requeue" | "sweep"
  >;
  queue: Pick<RunQueue, "enqueue" | "backlog" | "unfinished" | "remove">;
  runId: string;
  /** Rows waiting in the queue, at most, when rows without a job are queued; default 10,000. */
  highWaterRows?: number;
  /** Stop the run when it has more bad rows than this, or a greater share of the settled ones. */
  maxErrors: { rows?: number | undefined; percent?: number | undefined } | undefined;
  /** Counts that `maxErrors` does not look at: those of a run that is carried on, from before. */
  errorsSince?: StatusCounts;
  /** How the server is asked before the run ends; undefined: it is not. */
  verifying?: { makeVerifier: (run: Run) => Verifier; clock: Clock };
  /** How the run's drafts are published after that; undefined: they are not. */
  publishing?: { makePublisher: (run: Run) => Publisher | undefined; clock: Clock };
  /** Told when the queue is out of reach: what it was asked for is then left to the next step. */
  onFault: (error: unknown) => void;
}

export interface Finisher {
  /**
   * One look at the run, and what it needs to get on. Answers the run as it was seen, and whether it is over: every
   * row has its result and the queue is gone. Safe to repeat, and to call from several processes.
   */
  step(): Promise<{ run: Run | undefined; over: boolean }>;
  /** Whether a step has begun to ask the server, to verify or to publish, and the answer is still to come. */
  isAsking(): boolean;
  /** How long until the server is asked about rows again that may still arrive; undefined while none are waited for. */
  waitingMs(): number | undefined;
  /** Ends what steps have begun: the asking. The run stays as it is. */
  close(): Promise<void>;
}

const HIGH_WATER_ROWS = 10_000;
/** `--max-errors 5%` says nothing about a run's first few rows. */
const MIN_SETTLED_FOR_PERCENT = 100;

export function makeFinisher(options: FinisherOptions): Finisher {
  const { store, queue, runId, highWaterRows = HIGH_WATER_ROWS } = options;
  let generation = Date.now() % 1_000_000;
  let quietSteps = 0;
  let feed: Feed | undefined;
  const { onFault, verifying, publishing } = options;
  const rounds = verifying && makeRounds({ store, runId, onFault, ...verifying });
  const publication = publishing && makePublishStep({ store, runId, onFault, ...publishing });

  const step = async () => {
    const run = await store.getRun(runId);
    if (run === undefined) return { run, over: true };
    if (!ACTIVE_STATES.includes(run.state)) {
      feed = undefined;
      await rounds?.close();
      await publication?.close();
      return { run, over: await windDown(run) };
    }
    if (RUNNING_STATES.includes(run.state) && tooManyErrors(run.counts, options)) {
      const halt = { code: "too_many_errors", message: "more rows went wrong than --max-errors allows" };
      await store.changeRun(runId, { state: "stopped", halt }, RUNNING_STATES);
      return { run, over: false };
    }
    if (!run.sourceComplete) return { run, over: false };
    const isPublishing = publication?.isUnderWay() === true;
    if (run.state === "verifying" && rounds?.isAsking() !== true && !isPublishing && rowsToSend(run) > 0) {
      await sendAgain(run);
      return { run, over: false };
    }
    if (run.state !== "verifying" && run.counts.queued > 0) {
      await revive(run);
      return { run, over: false };
    }
    if (rounds !== undefined && !isPublishing && (await rounds.step(run)) !== "over")
      return { run, over: false };
    if (run.haltedGroups.length > 0 && run.counts.unprocessed > 0) {
      await store.changeRun(runId, haltFor(run), ACTIVE_STATES);
      return { run, over: false };
    }
    if (publication !== undefined && !(await publication.step(run))) return { run, over: false };
    // The queue first: a run that is finished is looked at no more.
    if (!(await onQueue(() => queue.remove()))) return { run, over: false };
    await store.changeRun(runId, { state: "finished", finished: true }, ACTIVE_STATES);
    return { run: await store.getRun(runId), over: true };
  };

  /** Rows that turned out to be absent, and those released late, go on their way again. */
  const sendAgain = async (run: Run) => {
    await store.changeRun(runId, { state: "draining" }, ["verifying"]);
    // Those of a run with stopped groups wait for whoever carries it on.
    if (run.counts.unprocessed === 0 || run.haltedGroups.length > 0) return;
    const last = rowsRead(run.counts);
    for (let fromRow = 1; fromRow <= last; fromRow += PAGE_ROWS) {
      await store.requeue(runId, { fromRow, toRow: Math.min(last, fromRow + PAGE_ROWS - 1) });
    }
  };

  /** The queue fails fast while its server is away, and comes back later than the store may. */
  const onQueue = async (act: () => Promise<void>): Promise<boolean> => {
    try {
      await act();
      return true;
    } catch (error) {
      options.onFault(error);
      return false;
    }
  };

  /** Rows without a result, without a job, and without a request in flight were lost with a process. */
  const revive = async (run: Run) => {
    if (feed === undefined && !(await isQuiet())) return;
    if (feed === undefined) {
      generation += 1;
      await store.sweep();
      feed = startFeed({ store, queue, run, generation, highWaterRows });
    }
    const filling = feed;
    await onQueue(async () => {
      if (!(await filling.fillUp())) return;
      feed = undefined;
      if (filling.sawHaltedOnly()) await setAside(run);
    });
  };

  /** What is left are rows of groups that were stopped: the run stops, but asks about the other groups' rows first. */
  const setAside = async (run: Run) => {
    const change = rounds === undefined ? haltFor(run) : { state: "verifying" as const };
    if (!(await store.changeRun(runId, change, RUNNING_STATES)) || rounds === undefined) return;
    const halted = new Set(run.haltedGroups.map(({ datasetGroupId }) => datasetGroupId));
    await markQueued(run, ({ datasetGroupId }) => halted.has(Number(datasetGroupId)));
  };

  /** Queued rows become unprocessed, but for those under way. */
  const markQueued = async (run: Run, isMeant: (row: StoredRow) => boolean = () => true) => {
    for await (const rows of rowPages(store, runId, ["queued"])) {
      const places = rows
        .filter(isMeant)
        .map((row) => ({ row: row.row, key: storedRowKey(run.origin, row) }));
      if (places.length > 0) await store.markUnprocessed(runId, places);
    }
  };

  /** Whether the queue has stayed empty for a while. */
  const isQuiet = async (): Promise<boolean> => {
    let unfinished = 0;
    const answered = await onQueue(async () => {
      unfinished = await queue.unfinished();
    });
    if (!answered || unfinished > 0) {
      quietSteps = 0;
      return false;
    }
    // A job is out of the queue a moment before its row has its result: look twice before calling it lost.
    quietSteps += 1;
    if (quietSteps < 3) return false;
    quietSteps = 0;
    return true;
  };

  const windDown = async (run: Run): Promise<boolean> => {
    if (run.state === "finished") return true;
    if (run.counts.queued > 0) {
      await store.sweep();
      await markQueued(run);
      const after = await store.getRun(runId);
      if (after !== undefined && after.counts.queued > 0) return false;
    }
    if (!(await onQueue(() => queue.remove()))) return false;
    // Somebody may have taken it up meanwhile: it has not ended then.
    await store.changeRun(runId, { finished: true }, [run.state]);
    return true;
  };

  return {
    step,
    isAsking: () => rounds?.isAsking() === true || publication?.isUnderWay() === true,
    waitingMs: () => rounds?.waitingMs(),
    close: async () => {
      await rounds?.close();
      await publication?.close();
    },
  };
}

/** What is left are rows of groups that were stopped. */
function haltFor({ haltedGroups }: Run): RunChange {
  const [first] = haltedGroups;
  const others = haltedGroups.length - 1;
  const named = `dataset group ${first?.datasetGroupId}: its first rows were all refused (${first?.code}: ${first?.message})`;
  const message = others > 0 ? `${named}; so were those of ${others} more` : named;
  return { state: "stopped", halt: { code: "group_halted", message } };
}

function tooManyErrors(
  counts: StatusCounts,
  { maxErrors, errorsSince = zeroCounts() }: Pick<FinisherOptions, "maxErrors" | "errorsSince">,
): boolean {
  if (maxErrors === undefined) return false;
  const bad = badRows(counts) - badRows(errorsSince);
  if (maxErrors.rows !== undefined) return bad > maxErrors.rows;
  const settled = bad + counts.added + counts.duplicate - errorsSince.added - errorsSince.duplicate;
  return (
    maxErrors.percent !== undefined &&
    settled >= MIN_SETTLED_FOR_PERCENT &&
    (bad * 100) / settled > maxErrors.percent
  );
}

function badRows({ rejected, failed, unknown, invalid }: StatusCounts): number {
  return rejected + failed + unknown + invalid;
}
