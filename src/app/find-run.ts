/** Finding the run that somebody names: by its id, or `latest`. */
import { TraceloadError } from "../core/errors.ts";
import type { Run, Store } from "../core/store.ts";

type Runs = Pick<Store, "getRun" | "listRuns">;

export async function findRun(store: Runs, wanted: string): Promise<Run | undefined> {
  return wanted === "latest" ? (await store.listRuns({ limit: 1 }))[0] : store.getRun(wanted);
}

/** Throws `run_not_found`. */
export async function namedRun(store: Runs, wanted: string): Promise<Run> {
  const run = await findRun(store, wanted);
  if (run !== undefined) return run;
  throw runNotFound(
    wanted === "latest" ? "no run in this store" : `no run ${JSON.stringify(wanted)} in this store`,
  );
}

export function runNotFound(message: string, next = "traceload status"): TraceloadError {
  return new TraceloadError("run_not_found", message, { next });
}
