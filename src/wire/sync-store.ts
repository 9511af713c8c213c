/** What the commands over syncs need beside running them: the store, the queue's schedules, and no API. */
import type { Settings } from "../../config/settings.ts";
import { readStoredSync, type FileSync } from "../../config/sync-file.ts";
import type { AccountParts } from "../app/syncs/account.ts";
import { applyPlan, isEmpty, planSyncs, type SyncPlan } from "../app/syncs/apply.ts";
import { openManualTick, setPaused, syncNotFound, type NamedWindow } from "../app/syncs/control.ts";
import { setSchedules } from "../app/syncs/schedules.ts";
import { readTickRecord, type TickRecord } from "../app/syncs/state.ts";
import { type SyncView, viewSyncs } from "../app/syncs/view.ts";
import { readStoreTime } from "../app/store-time.ts";
import { systemClock } from "../core/clock.ts";
import type { Store } from "../core/store.ts";
import type { StoredSync, SyncDefinition, SyncPolicy } from "../core/syncs.ts";
import { openQueues } from "../queue/bullmq-queues.ts";
import { targetOrigin } from "./origin.ts";
import { openStore } from "./stores.ts";

export interface SyncStore {
  /** For people: the URL without credentials. */
  name: string;
  list(): Promise<SyncView[]>;
  /** Newest first. Throws `sync_not_found`. */
  history(sync: string, limit: number): Promise<(TickRecord & { id: string })[]>;
  plan(wanted: readonly FileSync[], options: { prune: boolean }): Promise<SyncPlan>;
  /** Refused (`false`) when others were applied since it was planned. */
  apply(plan: SyncPlan): Promise<boolean>;
  /** Makes the queue's schedules those of the store. */
  setSchedules(): Promise<void>;
  setPaused(sync: string, paused: boolean): Promise<boolean>;
  remove(sync: string): Promise<void>;
  /** Has a worker run it. */
  request(sync: string, window: NamedWindow): Promise<{ isNew: boolean }>;
  close(): Promise<void>;
}

/** The syncs of a store that is open, as people look at them. */
export async function viewStoredSyncs(store: Pick<Store, "listSyncs">, nowMs: number): Promise<SyncView[]> {
  return viewSyncs(await store.listSyncs(), { policyOf, nowMs });
}

function policyOf(sync: StoredSync): SyncPolicy {
  return readStoredSync(sync.name, sync.text).policy;
}

export async function openSyncStore(
  settings: Settings,
  onFault: (error: unknown) => void,
): Promise<SyncStore> {
  const connection = await openStore(settings, onFault);
  const { store } = connection;
  const storeTime = await readStoreTime(store, systemClock);
  const nowMs = () => Math.floor(storeTime());
  const queues = openQueues({ connection: connection.queue, onFault, nowMs });
  const account: AccountParts = { store, nowMs, policyOf };
  const schedule = () => setSchedules({ store, queues, policyOf });
  return {
    name: store.facts.name,
    list: () => viewStoredSyncs(store, nowMs()),
    history: async (sync, limit) => {
      if ((await store.getSync(sync)) === undefined) throw syncNotFound(sync);
      const ticks = await store.readTicks(sync, { limit });
      return ticks.map((tick) => Object.assign(readTickRecord(sync, tick), { id: tick.id }));
    },
    plan: async (wanted, options) => {
      const definitions = wanted.map(({ name, text }) => definitionOf(settings, name, text));
      return planSyncs(await store.listSyncs(), definitions, options);
    },
    apply: (plan) => (isEmpty(plan) ? Promise.resolve(true) : applyPlan(store, plan)),
    setSchedules: schedule,
    setPaused: (sync, paused) => setPaused(account, sync, paused),
    remove: async (sync) => {
      for (;;) {
        const { revision } = await store.listSyncs();
        if ((await store.getSync(sync)) === undefined) throw syncNotFound(sync);
        if (await store.applySyncs({ revision, rename: [], put: [], remove: [sync] })) break;
      }
      await schedule();
    },
    request: async (sync, window) => {
      const { isNew } = await openManualTick(account, sync, window);
      await queues.requestTick(sync);
      return { isNew };
    },
    close: async () => {
      await queues.close();
      await connection.close();
    },
  };
}

export function definitionOf(
  settings: Settings,
  name: string,
  text: Record<string, unknown>,
): SyncDefinition {
  return { name, origin: targetOrigin(settings), text };
}

export { checkSyncFile, readSyncFile, type FileSync } from "../../config/sync-file.ts";
export { isEmpty, type SyncDifference, type SyncPlan } from "../app/syncs/apply.ts";
export type { SyncView } from "../app/syncs/view.ts";
export type { TickRecord } from "../app/syncs/state.ts";
export { nextDue } from "../app/syncs/due.ts";
