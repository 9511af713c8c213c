/** `traceload publish`: publishing the drafts of a run that is finished, at a person's word. */
import type { Clock } from "../../core/clock.ts";
import { TraceloadError } from "../../core/errors.ts";
import type { Run, Store } from "../../core/store.ts";
import { namedRun } from "../find-run.ts";
import type { Publisher } from "./publish.ts";
import type { Verifier } from "../verify/verify.ts";

/** The run by its id, or `latest`. Throws `run_not_found`, or `run_state` unless it is finished. */
export async function findPublishable(
  store: Pick<Store, "getRun" | "listRuns">,
  wanted: string,
): Promise<Run> {
  const run = await namedRun(store, wanted);
  if (run.state === "finished") return run;
  throw new TraceloadError(
    "run_state",
    `run ${run.runId} is ${run.state}: a draft is published when its run is finished`,
    { next: `traceload status ${run.runId}` },
  );
}

const LOOK_MS = 200;

/**
 * Looks at what the drafts hold now, settling nothing, and publishes those that may be; answers the run. Aborting
 * `signal` ends the waiting: what was asked for stands as asked. Repeatable.
 */
export async function publishRun(
  parts: {
    store: Pick<Store, "getRun">;
    clock: Clock;
    verifier: Verifier;
    publisher: Publisher | undefined;
  },
  run: Run,
  signal: AbortSignal,
  onProgress: (run: Run) => void,
): Promise<Run> {
  const { store, clock, verifier, publisher } = parts;
  const done = new AbortController();
  const work = async () => {
    await verifier.verify({ mayResend: false, wait: false }, signal);
    await publisher?.publish(signal);
  };
  const working = work()
    .catch((error: unknown) => {
      if (!signal.aborted) throw error;
    })
    .finally(() => done.abort());
  working.catch(() => undefined);
  while (!done.signal.aborted) {
    onProgress((await store.getRun(run.runId)) ?? run);
    await clock.sleep(LOOK_MS, done.signal).catch(() => undefined);
  }
  await working;
  return (await store.getRun(run.runId)) ?? run;
}
