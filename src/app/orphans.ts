/** Runs whose importer died: they are interrupted, whatever they last wrote, and their rows get a last status. */
import type { Clock } from "../core/clock.ts";
import type { Queues } from "../core/queue.ts";
import { RUNNING_STATES } from "../core/status.ts";
import type { Run, Store } from "../core/store.ts";
import { makeFinisher } from "./finisher.ts";

const STEP_MS = 200;

/**
 * Interrupts the orphans that `mine` accepts, and waits until nothing of them is in flight any more: their requests
 * are then settled or unknown. Answers the runs. Safe to repeat.
 */
export async function interruptOrphans(
  parts: { store: Store; queues: Queues; clock: Clock; onFault: (error: unknown) => void },
  mine: (run: Run) => boolean,
  signal: AbortSignal,
): Promise<Run[]> {
  const { store, queues, clock, onFault } = parts;
  const running = await store.listRuns({ states: RUNNING_STATES });
  const orphans = running.filter((run) => run.owner !== undefined && !run.ownerAlive && mine(run));
  for (const { runId } of orphans) {
    await store.changeRun(runId, { state: "interrupted" }, RUNNING_STATES);
    const queue = queues.runQueue(runId);
    const finisher = makeFinisher({ store, queue, runId, maxErrors: undefined, onFault });
    while (!(await finisher.step()).over) await clock.sleep(STEP_MS, signal);
    await queue.close();
  }
  return orphans;
}
