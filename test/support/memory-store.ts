/**
 * A store in plain maps: the model that the real stores are compared to, and what the tests of jobs and use cases
 * run on. Each method runs without giving way, so it is one atomic step.
 */
import type { LeaseId, Leases, Store } from "../../src/core/store.ts";
import { memoryGroups } from "./memory-groups.ts";
import { memoryLedger } from "./memory-ledger.ts";
import { memoryLimiter } from "./memory-limiter.ts";
import { memoryRows } from "./memory-rows.ts";
import { memoryRuns } from "./memory-runs.ts";
import { memorySyncs } from "./memory-syncs.ts";
import { emptyState, leaseHeld, type MemoryState } from "./memory-state.ts";

/** `clock.now` is the store's clock, in milliseconds since the epoch. */
export function createMemoryStore(clock: { now(): number }): Store {
  const state = emptyState(() => clock.now());
  return {
    facts: { kind: "embedded", name: "memory", warnings: [] },
    async now() {
      return clock.now();
    },
    async close() {},
    ...memoryLeases(state),
    ...memoryRuns(state),
    ...memoryRows(state),
    ...memoryLedger(state),
    ...memoryGroups(state),
    ...memoryLimiter(state),
    ...memorySyncs(state),
  };
}

function memoryLeases(state: MemoryState): Leases {
  return {
    async openLease(holder, ttlMs) {
      state.lastLease += 1;
      const id = `lease-${state.lastLease}` as LeaseId;
      state.leases.set(id, { ...holder, id, expiresAt: state.now() + ttlMs });
      return id;
    },
    async renewLease(id, ttlMs) {
      const lease = leaseHeld(state, id) ? state.leases.get(id) : undefined;
      if (lease === undefined) return false;
      lease.expiresAt = state.now() + ttlMs;
      return true;
    },
    async endLease(id) {
      state.leases.delete(id);
    },
    async listLeases() {
      return [...state.leases.values()]
        .filter((lease) => leaseHeld(state, lease.id))
        .map((lease) => Object.assign({}, lease));
    },
  };
}
