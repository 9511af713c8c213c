/** A person's word that a run shall pause, or be given up. */
import { TraceloadError } from "../core/errors.ts";
import { ACTIVE_STATES, type RunState } from "../core/status.ts";
import type { Run } from "../core/store.ts";
import { windDown, type WindDownParts } from "./orphans.ts";

/** How long the process that conducts a run is waited for: requests in flight may take as long as their timeout. */
const AWAIT_OWNER_MS = 5_000;
const POLL_MS = 200;

/** Paused runs wait for `resume`; cancelled ones are not carried on unless they are named. */
export type Halted = "paused" | "cancelled";

const FROM: Record<Halted, readonly RunState[]> = {
  paused: ACTIVE_STATES,
  cancelled: [...ACTIVE_STATES, "paused", "interrupted", "stopped"],
};

/**
 * From the moment this has written, no row of the run is claimed. The process that conducts the run ends it; of a run
 * that has none, or a dead one, this does. Answers the run; without `finishedAt` rows of it are still in flight. Throws
 * `run_state` when the run is over, or (to be paused) at rest. Repeating it is safe.
 */
export async function haltRun(
  parts: WindDownParts,
  { run, state }: { run: Run; state: Halted },
  signal: AbortSignal,
): Promise<Run> {
  const { store, clock } = parts;
  const { runId } = run;
  if (!(await store.changeRun(runId, { state }, FROM[state]))) throw cannot(run, state);
  const changed = (await store.getRun(runId)) ?? run;
  if (changed.owner === undefined || !changed.ownerAlive) {
    await windDown(parts, runId, signal);
  } else {
    const until = clock.monotonicMs() + AWAIT_OWNER_MS;
    while (clock.monotonicMs() < until && !isAtRest(await store.getRun(runId))) {
      await clock.sleep(POLL_MS, signal);
    }
  }
  return (await store.getRun(runId)) ?? changed;
}

function isAtRest(run: Run | undefined): boolean {
  return run === undefined || run.finishedAt !== undefined;
}

/** The only run of the store that is going on. Throws `run_not_found` when there is none, or more than one. */
export function theActiveRun(runs: readonly Run[]): Run {
  const [first, ...others] = runs.filter(({ state }) => ACTIVE_STATES.includes(state));
  if (first !== undefined && others.length === 0) return first;
  throw new TraceloadError(
    "run_not_found",
    first === undefined
      ? "no run of this store is going on"
      : `${others.length + 1} runs are going on: name the one that is meant`,
    { next: "traceload status" },
  );
}

function cannot(run: Run, state: Halted): TraceloadError {
  const wanted = state === "paused" ? "paused" : "cancelled";
  return new TraceloadError("run_state", `run ${run.runId} is ${run.state}: it cannot be ${wanted}`, {
    next: `traceload status ${run.runId}`,
  });
}
