/** The words for what a row and a run can be in, and the counts over them. */

/** What a row of a run ends in. */
const RESULTS = ["added", "duplicate", "invalid", "rejected", "failed", "unknown", "unprocessed"] as const;

/** What a row ended in. `planned` appears only in the report of a dry run. */
export const ROW_STATUSES = [...RESULTS, "planned"] as const;
export type RowStatus = (typeof ROW_STATUSES)[number];

/** What the store holds for a row: `queued` was read and has no result yet. */
export const STORED_STATUSES = ["queued", ...RESULTS] as const;
export type StoredStatus = (typeof STORED_STATUSES)[number];

/** Rows by what they ended in. `read` is the sum of all others, always. */
export type ResultCounts = Record<"read" | (typeof RESULTS)[number], number>;

/** Number of rows of a run per stored status. The number of rows read is their sum, always. */
export type StatusCounts = Record<StoredStatus, number>;

export function zeroCounts(): StatusCounts {
  return {
    queued: 0,
    added: 0,
    duplicate: 0,
    invalid: 0,
    rejected: 0,
    failed: 0,
    unknown: 0,
    unprocessed: 0,
  };
}

export function rowsRead(counts: StatusCounts): number {
  return STORED_STATUSES.reduce((sum, status) => sum + counts[status], 0);
}

/** Rows that a request settled, in whichever process. */
export function rowsAnswered(
  counts: Pick<StatusCounts, "added" | "rejected" | "failed" | "unknown">,
): number {
  return counts.added + counts.rejected + counts.failed + counts.unknown;
}

/** Rows that did not make it: certainly in no draft by this run. */
export function rowsLeftBehind(
  counts: Pick<StatusCounts, "invalid" | "rejected" | "failed" | "unprocessed">,
): number {
  return counts.invalid + counts.rejected + counts.failed + counts.unprocessed;
}

/**
 * `reading -> draining -> verifying -> finished`, or one of the four stops. `interrupted` is written by a run that
 * was told to stop, and read into any unfinished run whose owner is dead.
 */
export const RUN_STATES = [
  "reading",
  "draining",
  "verifying",
  "finished",
  "stopped",
  "paused",
  "interrupted",
  "cancelled",
] as const;
export type RunState = (typeof RUN_STATES)[number];

/** States in which claims are granted. */
export const RUNNING_STATES: readonly RunState[] = ["reading", "draining"];

/** States of a run that somebody is working on: it was not stopped, and is not over. */
export const ACTIVE_STATES: readonly RunState[] = ["reading", "draining", "verifying"];

/** The state of a run as it is, and not as it was last written: one whose importer died is interrupted. */
export function apparentState(run: { state: RunState; owner: unknown; ownerAlive: boolean }): RunState {
  const orphaned = ACTIVE_STATES.includes(run.state) && run.owner !== undefined && !run.ownerAlive;
  return orphaned ? "interrupted" : run.state;
}
