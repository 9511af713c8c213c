/**
 * The control job that wakes a worker for a sync. It says which sync, and nothing more: which ticks are due, and whether
 * they have run, stands in the store, so that a job too many does nothing, and one that is lost is not missed.
 */
import type { JobVerdict } from "../src/core/queue.ts";

export interface SyncTickParts {
  /** Notes what is due of the sync, and begins to run it. Resolves without waiting for the run. */
  wake(sync: string): Promise<void>;
}

export function makeSyncTick(parts: SyncTickParts): (sync: string) => Promise<JobVerdict> {
  return async (sync) => {
    await parts.wake(sync);
    return { kind: "done" };
  };
}
