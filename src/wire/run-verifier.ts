/** Puts together the asking about one run's rows at its end, and the publishing after it: at the run's rate, behind the group locks. */
import type { GroupLocks } from "../app/group-locks.ts";
import { type Pacer, startPacer } from "../app/pace/pacer.ts";
import type { Presence } from "../app/presence.ts";
import { makePublisher, type Publisher } from "../app/publish/publish.ts";
import type { PublishPolicy } from "../app/publish/policy.ts";
import { makeRateGate } from "../app/pace/rate-gate.ts";
import { parseRunOptions, type RunOptions } from "../app/run-options.ts";
import { makeVerifier, type Verifier } from "../app/verify/verify.ts";
import { type Ask, makeAsk } from "../app/verify/asking.ts";
import type { Api, ApiAnswer } from "../core/api.ts";
import type { Clock } from "../core/clock.ts";
import type { Run, Store } from "../core/store.ts";
import { notingAnswer, notingPause } from "./noted-answers.ts";

export interface RunVerifierParts {
  store: Store;
  api: Api;
  presence: Pick<Presence, "owner">;
  locks: GroupLocks;
  clock: Clock;
  onFault: (error: unknown) => void;
}

/** `onUnknown` stands in for what the run was started with. */
export function makeRunVerifier(
  parts: RunVerifierParts,
  run: Run,
  change: Partial<Pick<RunOptions, "onUnknown">> = {},
): Verifier {
  const { store, api, locks, clock } = parts;
  const options = parseRunOptions(run.runId, run.options);
  const onUnknown = change.onUnknown ?? options.onUnknown;
  const { ask, paced } = makeAsking(parts, { run, options, name: "verify" });
  const verifier = makeVerifier({ store, api, ask, locks, clock, run, onUnknown });
  return {
    waitingMs: () => verifier.waitingMs(),
    verify: (wanted, signal) => paced(() => verifier.verify(wanted, signal)),
  };
}

/** `policy` stands in for what the run was started with. Undefined: nothing of the run is to be published. */
export function makeRunPublisher(
  parts: RunVerifierParts,
  run: Run,
  policy?: PublishPolicy,
): Publisher | undefined {
  const { store, api, locks, clock } = parts;
  const options = parseRunOptions(run.runId, run.options);
  const chosen = policy ?? { when: options.publish, force: false };
  if (chosen.when === "never") return undefined;
  const { ask, noted, takeSlot, pause, paced } = makeAsking(parts, { run, options, name: "publish" });
  const publisher = makePublisher({
    store,
    api: {
      listDatasets: (datasetGroupId, asked) => api.listDatasets(datasetGroupId, asked),
      saveDraft: (datasetGroupId) => noted(api.saveDraft(datasetGroupId)),
    },
    ask,
    takeSlot,
    pause,
    locks,
    clock,
    waitMs: options.publishWaitMs,
    run,
    policy: chosen,
  });
  return { publish: (signal) => paced(() => publisher.publish(signal)) };
}

interface Asking {
  ask: Ask;
  /** For what `ask` must not repeat. */
  noted: <T>(answer: Promise<ApiAnswer<T>>) => Promise<ApiAnswer<T>>;
  takeSlot: (signal: AbortSignal) => Promise<void>;
  /** Has all senders wait. */
  pause: (ms: number) => Promise<void>;
  /** Does what asks. Only meanwhile are answers told to the shared pace. */
  paced: (work: () => Promise<void>) => Promise<void>;
}

/** Questions at the run's rate, under a sender's name of their own. */
function makeAsking(
  { store, presence, clock, onFault }: RunVerifierParts,
  { run, options, name }: { run: Run; options: RunOptions; name: string },
): Asking {
  const { limiter, ratePerSecond, retryBaseMs, retryCapMs } = options;
  const sender = `${presence.owner()}/${run.seq}/${name}`;
  const gate = makeRateGate({ store, limiter, sender, ratePerSecond, clock });
  const takeSlot = (signal: AbortSignal) => gate.take(signal);
  let pacer: Pacer | undefined;
  const pace = {
    note: (refused: boolean) => pacer?.note(refused),
    paused: (ms: number) => pacer?.paused(ms),
  };
  const pauseLimiter = notingPause(store, pace);
  const ask = makeAsk({ store: { pauseLimiter }, clock, limiter, takeSlot, retryBaseMs, retryCapMs });
  return {
    ask: (call, signal) => ask(() => notingAnswer(call(), pace), signal),
    noted: (answer) => notingAnswer(answer, pace),
    takeSlot,
    pause: (ms) => pauseLimiter(limiter, ms),
    paced: async (work) => {
      const inForce = () => gate.inForce();
      // A few questions are no way to find a rate: that is left to those who send.
      const asked = { limitPerSecond: ratePerSecond, search: false };
      pacer = await startPacer({ store, limiter, ...asked, inForce, clock, onFault });
      try {
        await work();
        await pacer.tell();
      } finally {
        pacer.close();
      }
    },
  };
}
