/**
 * Runs that nobody conducts any more are wound down: nothing of them is sent, and each of their rows gets a last status
 * for now. That comes before a run is taken up again, too.
 */
import type { Clock } from "../core/clock.ts";
import type { Queues } from "../core/queue.ts";
import { ACTIVE_STATES } from "../core/status.ts";
import type { Run, Store } from "../core/store.ts";
import { makeFinisher } from "./finisher.ts";

export interface WindDownParts {
  store: Store;
  queues: Queues;
  clock: Clock;
  onFault: (error: unknown) => void;
}

const STEP_MS = 200;

/**
 * Waits until nothing of a run that was stopped is in flight: its requests are settled or unknown, its other rows
 * unprocessed, its queue is gone. Rejects with the signal's reason when it aborts. Safe to repeat, and beside others.
 */
export async function windDown(
  { store, queues, clock, onFault }: WindDownParts,
  runId: string,
  signal: AbortSignal,
): Promise<void> {
  const queue = queues.runQueue(runId);
  try {
    const finisher = makeFinisher({ store, queue, runId, maxErrors: undefined, onFault });
    while (!(await finisher.step()).over) await clock.sleep(STEP_MS, signal);
  } finally {
    await queue.close();
  }
}

/** Interrupts the runs whose importer died and that `mine` accepts, and winds them down. Answers them. */
export async function interruptOrphans(
  parts: WindDownParts,
  mine: (run: Run) => boolean,
  signal: AbortSignal,
): Promise<Run[]> {
  const active = await parts.store.listRuns({ states: ACTIVE_STATES });
  const orphans = active.filter((run) => run.owner !== undefined && !run.ownerAlive && mine(run));
  for (const { runId } of orphans) {
    await parts.store.changeRun(runId, { state: "interrupted" }, ACTIVE_STATES);
    await windDown(parts, runId, signal);
  }
  return orphans;
}
