/** Puts together the asking about one run's unknown rows: its own gate at the run's rate, and the group locks. */
import type { GroupLocks } from "../app/group-locks.ts";
import type { Presence } from "../app/presence.ts";
import { makeRateGate } from "../app/rate-gate.ts";
import { parseRunOptions } from "../app/run-options.ts";
import { makeVerifier, type Verifier } from "../app/verify.ts";
import { makeAsk } from "../app/verify-asking.ts";
import type { Api } from "../core/api.ts";
import type { Clock } from "../core/clock.ts";
import type { Run, Store } from "../core/store.ts";

export interface RunVerifierParts {
  store: Store;
  api: Api;
  presence: Presence;
  locks: GroupLocks;
  clock: Clock;
}

/** `onUnknown` stands in for what the run was started with. */
export function makeRunVerifier(
  { store, api, presence, locks, clock }: RunVerifierParts,
  run: Run,
  change: Partial<Pick<ReturnType<typeof parseRunOptions>, "onUnknown">> = {},
): Verifier {
  const { limiter, ratePerSecond, retryBaseMs, retryCapMs, ...options } = parseRunOptions(
    run.runId,
    run.options,
  );
  const onUnknown = change.onUnknown ?? options.onUnknown;
  const sender = `${presence.owner()}/${run.seq}/verify`;
  const gate = makeRateGate({ store, limiter, sender, ratePerSecond, clock });
  const takeSlot = (signal: AbortSignal) => gate.take(signal);
  const ask = makeAsk({ store, clock, limiter, takeSlot, retryBaseMs, retryCapMs });
  return makeVerifier({ store, api, ask, locks, clock, run, onUnknown });
}
