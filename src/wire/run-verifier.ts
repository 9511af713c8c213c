/** Puts together the asking about one run's rows at its end, and the publishing after it: at the run's rate, behind the group locks. */
import type { GroupLocks } from "../app/group-locks.ts";
import { type Pacer, startPacer } from "../app/pacer.ts";
import type { Presence } from "../app/presence.ts";
import { makePublisher, type Publisher } from "../app/publish.ts";
import type { PublishPolicy } from "../app/publish-policy.ts";
import { makeRateGate, type RateGate } from "../app/rate-gate.ts";
import { parseRunOptions, type RunOptions } from "../app/run-options.ts";
import { makeVerifier, type Verifier } from "../app/verify.ts";
import { type Ask, makeAsk } from "../app/verify-asking.ts";
import type { Api } from "../core/api.ts";
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
  const { store, api, locks, clock, onFault } = parts;
  const options = parseRunOptions(run.runId, run.options);
  const onUnknown = change.onUnknown ?? options.onUnknown;
  let pacer: Pacer | undefined;
  const pace = {
    note: (refused: boolean) => pacer?.note(refused),
    paused: (ms: number) => pacer?.paused(ms),
  };
  const pauseLimiter = notingPause(store, pace);
  const { ask, gate } = makeAsking(parts, { run, options, name: "verify", pauseLimiter });
  const noted: Ask = (call, signal) => ask(() => notingAnswer(call(), pace), signal);
  const verifier = makeVerifier({ store, api, ask: noted, locks, clock, run, onUnknown });
  return {
    waitingMs: () => verifier.waitingMs(),
    verify: async (wanted, signal) => {
      const { limiter, ratePerSecond: limitPerSecond } = options;
      const inForce = () => gate.inForce();
      // A few questions are no way to find a rate: that is left to those who send.
      const search = false;
      pacer = await startPacer({ store, limiter, limitPerSecond, search, inForce, clock, onFault });
      try {
        await verifier.verify(wanted, signal);
        await pacer.tell();
      } finally {
        pacer.close();
      }
    },
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
  const { ask, takeSlot } = makeAsking(parts, { run, options, name: "publish" });
  const { limiter, publishWaitMs: waitMs } = options;
  return makePublisher({ store, api, ask, takeSlot, limiter, locks, clock, waitMs, run, policy: chosen });
}

/** Questions at the run's rate, under a sender's name of their own. */
function makeAsking(
  { store, presence, clock }: RunVerifierParts,
  {
    run,
    options,
    name,
    pauseLimiter = (limiter, ms) => store.pauseLimiter(limiter, ms),
  }: { run: Run; options: RunOptions; name: string; pauseLimiter?: Store["pauseLimiter"] },
): { ask: Ask; gate: RateGate; takeSlot: (signal: AbortSignal) => Promise<void> } {
  const { limiter, ratePerSecond, retryBaseMs, retryCapMs } = options;
  const sender = `${presence.owner()}/${run.seq}/${name}`;
  const gate = makeRateGate({ store, limiter, sender, ratePerSecond, clock });
  const takeSlot = (signal: AbortSignal) => gate.take(signal);
  const asked = { pauseLimiter };
  return {
    ask: makeAsk({ store: asked, clock, limiter, takeSlot, retryBaseMs, retryCapMs }),
    gate,
    takeSlot,
  };
}
