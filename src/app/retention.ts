/** Forgets old runs. What was added is remembered for ever: that is the ledger's, which outlives its runs. */
import type { Store } from "../core/store.ts";

/**
 * Removes runs that ended longer ago than `maxAgeMs`, on the store's clock. Runs with rows that are unknown stay,
 * however old; `onRemoved` is told of each that goes. Answers how many were removed. Safe to repeat.
 */
export async function removeOldRuns(
  store: Pick<Store, "now" | "listRuns" | "removeRun">,
  maxAgeMs: number,
  onRemoved: (runId: string) => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  const now = await store.now();
  let removed = 0;
  for (const { runId, finishedAt } of await store.listRuns()) {
    if (finishedAt === undefined || now - finishedAt <= maxAgeMs) continue;
    if (!(await store.removeRun(runId))) continue;
    await onRemoved(runId);
    removed += 1;
  }
  return removed;
}
