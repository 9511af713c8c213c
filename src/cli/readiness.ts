/** Whether a worker can do its work: it serves, was not told to stop, and its store answers. */
import type { Clock } from "../core/clock.ts";
import type { Store } from "../core/store.ts";
import type { Readiness } from "./health-server.ts";

export interface WorkerReadiness {
  now(): Promise<Readiness>;
  /** The worker looks for runs from now on. */
  serving(store: Pick<Store, "now">): void;
}

/** Shorter than a probe's usual patience is not needed, longer than it would not be heard. */
const STORE_ANSWERS_WITHIN_MS = 800;

export function makeReadiness(clock: Clock, stop: AbortSignal): WorkerReadiness {
  let store: Pick<Store, "now"> | undefined;
  /** One question at a time: a store that is away is not asked anew by each probe. */
  let asking: Promise<boolean> | undefined;

  const ask = (of: Pick<Store, "now">): Promise<boolean> => {
    asking ??= of
      .now()
      .then(
        () => true,
        () => false,
      )
      .finally(() => (asking = undefined));
    return asking;
  };

  return {
    serving: (served) => {
      store = served;
    },
    now: async () => {
      if (stop.aborted) return "draining";
      if (store === undefined) return "starting";
      const waited = new AbortController();
      const tooLong = clock.sleep(STORE_ANSWERS_WITHIN_MS, waited.signal).then(
        () => false,
        () => false,
      );
      const answers = await Promise.race([ask(store), tooLong]);
      waited.abort();
      if (stop.aborted) return "draining";
      return answers ? "ready" : "store-unreachable";
    },
  };
}
