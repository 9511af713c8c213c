/** The API as a dry run asks it: within the limit that all senders with the key share, where there is a store. */
import { randomUUID } from "node:crypto";
import { makeLocalSlots } from "../app/pace/local-slots.ts";
import { makeRateGate } from "../app/pace/rate-gate.ts";
import { makeRemoteCheck, type RemoteCheck } from "../app/remote-check.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import type { Store } from "../core/store.ts";
import type { Target } from "./target.ts";

/** Questions under way at once: enough for the usual rates, and gentle without one. */
const CONCURRENCY = 4;

export function openRemoteCheck({
  target,
  store,
  knownGroupId,
  clock = systemClock,
}: {
  target: Pick<Target, "api" | "limiter" | "ratePerSecond">;
  store: Store | undefined;
  knownGroupId: number | undefined;
  clock?: Clock;
}): RemoteCheck {
  const { api, limiter, ratePerSecond } = target;
  const slots = store ?? makeLocalSlots(clock);
  const gate = makeRateGate({
    store: slots,
    limiter,
    sender: `dry-run/${randomUUID()}`,
    ratePerSecond,
    clock,
  });
  return makeRemoteCheck({
    api,
    clock,
    takeSlot: (signal) => gate.take(signal),
    pause: (ms) => slots.pauseLimiter(limiter, ms),
    concurrency: CONCURRENCY,
    knownGroupId,
  });
}

export { isInSample, type RemoteCheck } from "../app/remote-check.ts";
