/** Carrying a run on that was interrupted, stopped, paused or cancelled: finding it, and taking it up. */
import { TraceloadError } from "../core/errors.ts";
import { ACTIVE_STATES, apparentState, type RunState } from "../core/status.ts";
import type { Run, Store } from "../core/store.ts";
import { namedRun, runNotFound } from "./find-run.ts";
import { windDown, type WindDownParts } from "./orphans.ts";
import type { Presence } from "./presence.ts";

/** States that a run can be taken up from. One whose importer died counts as interrupted. */
export const RESUMABLE_STATES: readonly RunState[] = ["interrupted", "stopped", "paused", "cancelled"];

/** Rows turned back in one call of the store. */
const PAGE_ROWS = 1_000;

/**
 * The run by its id; `latest`, or no id: the newest that can be carried on and that nobody cancelled. Throws
 * `run_not_found` or `run_state` when there is none that can be.
 */
export async function findResumable(
  store: Pick<Store, "getRun" | "listRuns">,
  wanted: string | undefined,
): Promise<Run> {
  if (wanted === undefined || wanted === "latest") {
    const runs = await store.listRuns();
    const found = runs.find((run) => isResumable(run) && run.state !== "cancelled");
    if (found !== undefined) return found;
    throw runNotFound("no run of this store is left to be carried on");
  }
  const run = await namedRun(store, wanted);
  if (!isResumable(run)) throw notResumable(run);
  return run;
}

/**
 * The run that an import of the same rows carries on: the newest with that fingerprint, unless it is over, was
 * cancelled or is alive elsewhere.
 */
export async function findEarlier(
  store: Pick<Store, "listRuns">,
  fingerprint: string,
): Promise<Run | undefined> {
  const newest = (await store.listRuns()).find((run) => run.fingerprint === fingerprint);
  return newest !== undefined && isResumable(newest) && newest.state !== "cancelled" ? newest : undefined;
}

export function isResumable(run: Run): boolean {
  return RESUMABLE_STATES.includes(apparentState(run));
}

/**
 * Makes the run this process's own, with every row that was not sent queued again: `draining` when all of its source
 * was read, else `reading`. What is still in flight of it is awaited before. Throws `run_state` when it is over, or
 * another process was faster. Should this process die on the way, the run is interrupted as before.
 */
export async function takeUpRun(
  parts: WindDownParts & { presence: Pick<Presence, "owner"> },
  runId: string,
  signal: AbortSignal,
): Promise<Run> {
  const { store, presence } = parts;
  const before = await readRun(store, runId);
  if (!isResumable(before)) throw notResumable(before);
  if (ACTIVE_STATES.includes(before.state)) {
    await store.changeRun(runId, { state: "interrupted" }, ACTIVE_STATES);
  }
  await windDown(parts, runId, signal);
  const owner = presence.owner();
  const change = { state: "reading", owner, halt: null, haltedGroup: null, finished: false } as const;
  const applied = await store.changeRun(runId, change, RESUMABLE_STATES);
  const taken = await readRun(store, runId);
  if (!applied || taken.owner !== owner) throw notResumable(taken);
  await requeueAll(store, runId);
  // Only now: a run that is draining may be ended by any process, and must not be while rows are being turned back.
  if (taken.sourceComplete) await store.changeRun(runId, { state: "draining" }, ["reading"]);
  return readRun(store, runId);
}

async function requeueAll(store: Pick<Store, "readRows" | "requeue">, runId: string): Promise<void> {
  for (let fromRow = 1; ;) {
    const page = await store.readRows(runId, { fromRow, limit: PAGE_ROWS, statuses: ["unprocessed"] });
    const first = page[0];
    if (first === undefined) return;
    const within = page.filter(({ row }) => row < first.row + PAGE_ROWS);
    const toRow = within.at(-1)?.row ?? first.row;
    await store.requeue(runId, { fromRow: first.row, toRow });
    fromRow = toRow + 1;
  }
}

async function readRun(store: Pick<Store, "getRun">, runId: string): Promise<Run> {
  const run = await store.getRun(runId);
  if (run !== undefined) return run;
  throw new TraceloadError("run_not_found", `run ${runId} is not in this store any more`, {
    next: "traceload status",
  });
}

function notResumable(run: Run): TraceloadError {
  const { runId } = run;
  const left = run.counts.rejected + run.counts.failed + run.counts.unprocessed;
  switch (run.state) {
    case "finished":
      return new TraceloadError("run_state", `run ${runId} is finished: there is nothing to carry on`, {
        next: left > 0 ? `traceload rerun ${runId}` : `traceload report ${runId}`,
      });
    case "reading":
    case "draining":
    case "verifying":
    case "stopped":
    case "paused":
    case "interrupted":
    case "cancelled":
      return new TraceloadError(
        "run_state",
        run.owner === undefined
          ? `run ${runId} is ${run.state}: the workers of this store serve it`
          : `run ${runId} is ${run.state}: a process that is alive conducts it`,
        { next: `traceload status ${runId}` },
      );
    default:
      return run.state satisfies never;
  }
}
