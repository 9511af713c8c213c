/**
 * Verification as part of a run: asked beside the finisher's steps, and again after rows that were found absent have
 * been sent once more, for as long as that gets anywhere.
 */
import type { Clock } from "../../core/clock.ts";
import { RUNNING_STATES } from "../../core/status.ts";
import type { Run, Store } from "../../core/store.ts";
import type { Verifier } from "./verify.ts";

export interface Rounds {
  /**
   * For a run whose rows all have a result. `asking`: the server is being asked, or a verdict waited for; `again`: rows
   * wait to be sent once more; `over`: what is unknown now stays so.
   */
  step(run: Run): Promise<"asking" | "again" | "over">;
  isAsking(): boolean;
  waitingMs(): number | undefined;
  /** Ends the asking. What was settled stays settled. */
  close(): Promise<void>;
}

export interface RoundsOptions {
  store: Pick<Store, "getRun" | "changeRun">;
  clock: Clock;
  runId: string;
  makeVerifier: (run: Run) => Verifier;
  onFault: (error: unknown) => void;
}

/** Each costs timeout and horizon; a server that answers well now and then is through after a few. */
const MAX_ROUNDS = 10;
/** Rounds in a row that left as many rows unknown as there were before them. */
const MAX_FRUITLESS = 2;
/** A step may take so long: most verdicts are there by then. */
const STEP_MS = 150;

export function makeRounds({ store, clock, runId, makeVerifier, onFault }: RoundsOptions): Rounds {
  let asking: { verifier: Verifier; stop: AbortController; over: boolean; done: Promise<void> } | undefined;
  let rounds = 0;
  let fruitless = 0;
  let unknownBefore = Number.POSITIVE_INFINITY;

  const start = (run: Run): NonNullable<typeof asking> => {
    fruitless = run.counts.unknown >= unknownBefore ? fruitless + 1 : 0;
    unknownBefore = run.counts.unknown;
    const mayResend = rounds < MAX_ROUNDS && fruitless < MAX_FRUITLESS;
    const stop = new AbortController();
    const verifier = makeVerifier(run);
    const begun = { verifier, stop, over: false, done: Promise.resolve() };
    begun.done = verifier
      .verify({ mayResend, wait: true }, stop.signal)
      .catch(async (error: unknown) => {
        if (stop.signal.aborted) return;
        // It must not fail a run: what is unknown stays so, and the run says why.
        onFault(error);
        const reason = error instanceof Error ? error.message : String(error);
        await store.changeRun(runId, { warning: `unknown rows could not be verified: ${reason}` });
      })
      .catch(onFault)
      .finally(() => (begun.over = true));
    return begun;
  };

  const close = async (): Promise<void> => {
    const ending = asking;
    asking = undefined;
    ending?.stop.abort(new Error("told to stop"));
    await ending?.done;
  };

  return {
    isAsking: () => asking !== undefined,
    waitingMs: () => asking?.verifier.waitingMs(),
    close,
    step: async (run) => {
      if (asking === undefined) {
        if (
          !(await store.changeRun(runId, { state: "verifying" }, RUNNING_STATES)) &&
          run.state !== "verifying"
        ) {
          return "asking";
        }
        asking = start(run);
      }
      const { done } = asking;
      const waited = new AbortController();
      await Promise.race([done, clock.sleep(STEP_MS, waited.signal).catch(() => undefined)]);
      waited.abort();
      if (!asking.over) return "asking";
      asking = undefined;
      const after = await store.getRun(runId);
      rounds += 1;
      return after !== undefined && rowsToSend(after) > 0 ? "again" : "over";
    },
  };
}

/**
 * Rows that were found absent, or released late: a row that is released while its run is verifying is unprocessed. So
 * are those of a group that was stopped, and rightly so.
 */
export function rowsToSend({ counts, haltedGroups }: Run): number {
  return counts.queued + (haltedGroups.length === 0 ? counts.unprocessed : 0);
}
