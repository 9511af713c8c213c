/** Syncs of the in-memory store. */
import type { LeaseId, Token } from "../../src/core/store.ts";
import { HISTORY_TICKS, type StoredSync, type StoredTick, type Syncs } from "../../src/core/syncs.ts";
import { leaseHeld, type MemoryState } from "./memory-state.ts";

export interface MemorySync {
  record: Omit<StoredSync, "claim">;
  claim: { owner: LeaseId; token: Token; datasetGroupId: number | undefined } | undefined;
  carried: unknown[];
  ticks: Map<string, StoredTick>;
}

export type MemorySyncs = Map<string, MemorySync>;

export function memorySyncs(state: MemoryState): Syncs {
  const { syncs } = state;
  const view = ({ record, claim }: MemorySync): StoredSync =>
    structuredClone({
      ...record,
      claim:
        claim === undefined
          ? undefined
          : { owner: claim.owner, token: claim.token, ownerAlive: leaseHeld(state, claim.owner) },
    });
  const isAlive = ({ claim }: MemorySync) => claim !== undefined && leaseHeld(state, claim.owner);

  return {
    async listSyncs() {
      const found = [...syncs.values()].map(view).sort((a, b) => (a.name < b.name ? -1 : 1));
      return { revision: state.syncsRevision, syncs: found };
    },
    async getSync(name) {
      const sync = syncs.get(name);
      return sync === undefined ? undefined : view(sync);
    },
    async applySyncs({ revision, rename, put, remove }) {
      if (revision !== state.syncsRevision) return false;
      state.syncsRevision += 1;
      for (const { from, to } of rename) {
        const sync = syncs.get(from);
        if (sync === undefined) continue;
        syncs.delete(from);
        syncs.set(to, { ...sync, claim: undefined, record: { ...sync.record, name: to } });
      }
      for (const definition of structuredClone(put)) {
        const before = syncs.get(definition.name);
        syncs.set(definition.name, {
          claim: before?.claim,
          carried: before?.carried ?? [],
          ticks: before?.ticks ?? new Map<string, StoredTick>(),
          record: {
            ...definition,
            version: (before?.record.version ?? 0) + 1,
            appliedAt: state.now(),
            state: before?.record.state,
          },
        });
      }
      for (const name of remove) syncs.delete(name);
      return true;
    },
    async claimSync({ name, owner, token, datasetGroupId }) {
      const sync = syncs.get(name);
      if (sync === undefined) return { kind: "gone" };
      if (!leaseHeld(state, owner)) return { kind: "busy", by: name };
      if (isAlive(sync) && sync.claim?.owner !== owner) return { kind: "busy", by: name };
      for (const other of [...syncs.values()].sort((a, b) => (a.record.name < b.record.name ? -1 : 1))) {
        if (other === sync || !isAlive(other) || other.record.origin !== sync.record.origin) continue;
        const theirs = other.claim?.datasetGroupId;
        if (theirs === undefined || datasetGroupId === undefined || theirs === datasetGroupId) {
          return { kind: "busy", by: other.record.name };
        }
      }
      sync.claim = { owner, token, datasetGroupId };
      return { kind: "claimed" };
    },
    async changeSync(name, from, change) {
      const sync = syncs.get(name);
      if (sync === undefined || sync.record.version !== from.version) return false;
      if (from.token !== undefined && sync.claim?.token !== from.token) return false;
      sync.record.version += 1;
      if (change.state !== undefined) sync.record.state = structuredClone(change.state);
      if (change.carried !== undefined) sync.carried = structuredClone([...change.carried]);
      if (change.release === true) sync.claim = undefined;
      for (const tick of change.ticks ?? []) sync.ticks.set(tick.id, structuredClone(tick));
      for (const { id } of newestFirst(sync).slice(HISTORY_TICKS)) sync.ticks.delete(id);
      return true;
    },
    async readCarried(name) {
      return structuredClone(syncs.get(name)?.carried ?? []);
    },
    async readTicks(name, { limit, before }) {
      const sync = syncs.get(name);
      if (sync === undefined) return [];
      const wanted = newestFirst(sync).filter(({ at }) => before === undefined || at < before);
      return structuredClone(wanted.slice(0, limit));
    },
  };
}

function newestFirst({ ticks }: MemorySync): StoredTick[] {
  return [...ticks.values()].sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
}
