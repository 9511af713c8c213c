/** `traceload verify`: asking about the unknown rows of a run that is at rest. */
import type { Clock } from "../../core/clock.ts";
import { TraceloadError } from "../../core/errors.ts";
import { ACTIVE_STATES, apparentState } from "../../core/status.ts";
import type { Run, Store } from "../../core/store.ts";
import { namedRun, runNotFound } from "../find-run.ts";
import type { Verifier } from "./verify.ts";

/**
 * The run by its id, or `latest`; without one: the newest that has unknown rows. Throws `run_not_found`, or `run_state`
 * for a run that goes on: it asks by itself before it ends.
 */
export async function findVerifiable(
  store: Pick<Store, "getRun" | "listRuns">,
  wanted: string | undefined,
): Promise<Run> {
  const run =
    wanted === undefined
      ? (await store.listRuns()).find(({ counts }) => counts.unknown > 0)
      : await namedRun(store, wanted);
  if (run === undefined) throw runNotFound("no run of this store has unknown rows");
  if (!ACTIVE_STATES.includes(apparentState(run))) return run;
  throw new TraceloadError(
    "run_state",
    `run ${run.runId} is ${run.state}: it asks about its unknown rows itself before it ends`,
    { next: `traceload status ${run.runId}` },
  );
}

const LOOK_MS = 200;

/**
 * Asks until all is settled that can be (or, without `wait`, that can be now), and answers the run. Aborting `signal`
 * ends the waiting; what was settled stays so. Rows that are not there become unprocessed, and a finished run that has
 * such is interrupted: it can be resumed. An interrupted run with nothing left to send is finished. Repeatable.
 */
export async function verifyRun(
  parts: { store: Pick<Store, "getRun" | "changeRun">; clock: Clock; verifier: Verifier },
  { run, wait }: { run: Run; wait: boolean },
  signal: AbortSignal,
  onProgress: (run: Run, waitingMs: number | undefined) => void,
): Promise<Run> {
  const { store, clock, verifier } = parts;
  const done = new AbortController();
  const asking = verifier
    .verify({ mayResend: true, wait }, signal)
    .catch((error: unknown) => {
      if (!signal.aborted) throw error;
    })
    .finally(() => done.abort());
  asking.catch(() => undefined);
  while (!done.signal.aborted) {
    const seen = (await store.getRun(run.runId)) ?? run;
    onProgress({ ...seen, state: "verifying", finishedAt: undefined }, verifier.waitingMs());
    await clock.sleep(LOOK_MS, done.signal).catch(() => undefined);
  }
  await asking;
  return rest(store, run);
}

async function rest(store: Pick<Store, "getRun" | "changeRun">, before: Run): Promise<Run> {
  const { runId } = before;
  const { counts, state, sourceComplete } = (await store.getRun(runId)) ?? before;
  if (state === "finished" && counts.unprocessed > before.counts.unprocessed) {
    await store.changeRun(runId, { state: "interrupted" }, ["finished"]);
  }
  if (state === "interrupted" && sourceComplete && counts.queued + counts.unprocessed === 0) {
    await store.changeRun(runId, { state: "finished" }, ["interrupted"]);
  }
  return (await store.getRun(runId)) ?? before;
}
