/** Publishing as part of a run: begun once its rows are settled and verified, and looked after beside the finisher's steps. */
import type { Clock } from "../../core/clock.ts";
import type { Run, Store } from "../../core/store.ts";
import type { Publisher } from "./publish.ts";

export interface PublishStep {
  /** Begins the publishing, or looks whether it is over. Answers whether it is. */
  step(run: Run): Promise<boolean>;
  isUnderWay(): boolean;
  /** Ends the waiting. What was asked for stands as asked. */
  close(): Promise<void>;
}

export interface PublishStepOptions {
  store: Pick<Store, "changeRun">;
  clock: Clock;
  runId: string;
  /** Undefined: the run's drafts are not to be published. */
  makePublisher: (run: Run) => Publisher | undefined;
  onFault: (error: unknown) => void;
}

/** A step may take so long: a server that is quick has published by then. */
const STEP_MS = 150;

export function makePublishStep(options: PublishStepOptions): PublishStep {
  const { store, clock, runId, makePublisher, onFault } = options;
  let publishing: { stop: AbortController; over: boolean; done: Promise<void> } | undefined;
  let isOver = false;

  const start = (publisher: Publisher): NonNullable<typeof publishing> => {
    const stop = new AbortController();
    const begun = { stop, over: false, done: Promise.resolve() };
    begun.done = publisher
      .publish(stop.signal)
      .catch(async (error: unknown) => {
        if (stop.signal.aborted) return;
        // The rows are where they should be: a draft that stays one must not fail the run.
        onFault(error);
        const reason = error instanceof Error ? error.message : String(error);
        await store.changeRun(runId, { warning: `nothing more was published: ${reason}` });
      })
      .catch(onFault)
      .finally(() => (begun.over = true));
    return begun;
  };

  return {
    isUnderWay: () => publishing !== undefined,
    step: async (run) => {
      if (isOver) return true;
      if (publishing === undefined) {
        const publisher = makePublisher(run);
        if (publisher === undefined) return (isOver = true);
        publishing = start(publisher);
      }
      const { done } = publishing;
      const waited = new AbortController();
      await Promise.race([done, clock.sleep(STEP_MS, waited.signal).catch(() => undefined)]);
      waited.abort();
      if (!publishing.over) return false;
      publishing = undefined;
      return (isOver = true);
    },
    close: async () => {
      const ending = publishing;
      publishing = undefined;
      ending?.stop.abort(new Error("told to stop"));
      await ending?.done;
    },
  };
}
