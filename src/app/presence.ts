/**
 * This process's sign of life in the store, and its watch over the others': renews the lease, ends the leases of
 * processes of this host that died, and sweeps up the requests that were lost with them.
 */
import type { Clock } from "../core/clock.ts";
import type { LeaseHolder, LeaseId, Store } from "../core/store.ts";
import { isDead } from "./process-identity.ts";

export interface PresenceOptions {
  store: Pick<Store, "openLease" | "renewLease" | "endLease" | "listLeases" | "sweep">;
  clock: Clock;
  holder: LeaseHolder;
  leaseTtlMs: number;
  sweepIntervalMs: number;
  onFault: (error: unknown) => void;
}

export interface Presence {
  /** The present lease. It changes when the old one was lost: a machine that slept, a store that was away. */
  owner(): LeaseId;
  /** One round now: leases of the dead, then lost requests. */
  sweep(): Promise<number>;
  /** Ends the lease. Requests still in flight then count as lost. */
  close(): Promise<void>;
}

/**
 * One round: ends the leases of processes of this host that died, then sweeps up the requests that were lost with
 * them. Whoever only looks at a store does this first: a run of the dead would look alive until its lease ran out.
 */
export async function sweepUpTheDead(
  store: Pick<Store, "endLease" | "listLeases" | "sweep">,
  me: LeaseHolder,
  own?: LeaseId,
): Promise<number> {
  for (const lease of await store.listLeases()) {
    if (lease.id !== own && isDead(lease, me)) await store.endLease(lease.id);
  }
  return store.sweep();
}

export async function openPresence(options: PresenceOptions): Promise<Presence> {
  const { store, clock, holder, leaseTtlMs, sweepIntervalMs, onFault } = options;
  const stop = new AbortController();
  let owner = await store.openLease(holder, leaseTtlMs);

  const sweep = () => sweepUpTheDead(store, holder, owner);
  const renew = async () => {
    if (!(await store.renewLease(owner, leaseTtlMs))) owner = await store.openLease(holder, leaseTtlMs);
  };
  const every = async (ms: number, step: () => Promise<unknown>) => {
    for (;;) {
      try {
        await clock.sleep(ms, stop.signal);
        await step();
      } catch (error) {
        if (stop.signal.aborted) return;
        onFault(error);
      }
    }
  };
  const loops = [every(leaseTtlMs / 4, renew), every(sweepIntervalMs, sweep)];

  return {
    owner: () => owner,
    sweep,
    close: async () => {
      stop.abort();
      await Promise.all(loops);
      await store.endLease(owner);
    },
  };
}
