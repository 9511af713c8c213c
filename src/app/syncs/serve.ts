/**
 * What a worker does for syncs: when it is woken, and every second beside, it notes the ticks that are due and runs those
 * that are open. The looking finds what no wake-up tells: ticks with a jitter, ticks whose worker died, schedules that
 * were lost with the queue.
 */
import type { Clock } from "../../core/clock.ts";
import type { Queues } from "../../core/queue.ts";
import type { Store } from "../../core/store.ts";
import type { StoredSync } from "../../core/syncs.ts";
import { accountDue, type AccountParts } from "./account.ts";
import type { DriveEnd } from "./drive.ts";
import { setSchedules } from "./schedules.ts";
import { readState } from "./state.ts";

export interface ServeSyncsParts extends Omit<AccountParts, "store"> {
  store: Store;
  clock: Clock;
  queues: Pick<Queues, "setSchedule" | "removeSchedule" | "listSchedules">;
  /** Only syncs of this API's origin are this process's. */
  origin: string;
  drive: (name: string, signal: AbortSignal) => Promise<DriveEnd>;
  onFault: (error: unknown) => void;
}

export interface SyncServer {
  /** Notes what is due of a sync, and begins to run it. Resolves without waiting for the run. */
  wake(name: string): Promise<void>;
  /** Resolves when nothing is run any more, after the signal aborted. */
  readonly ended: Promise<void>;
}

const LOOK_MS = 1_000;
const SCHEDULES_EVERY_MS = 30_000;

/** Serves until `signal` aborts. A run that goes on then is interrupted, and left to the next worker. */
export function serveSyncs(parts: ServeSyncsParts, signal: AbortSignal): SyncServer {
  const { store, clock, origin, onFault } = parts;
  const driving = new Map<string, Promise<void>>();
  const told = new Set<string>();

  /** Once for each version of a sync: the same fault each second would only hide others. */
  const onSyncFault = (sync: StoredSync, error: unknown) => {
    const key = `${sync.name} ${sync.version} ${String(error)}`;
    if (!told.has(key)) onFault(error);
    told.add(key);
  };
  const drive = (name: string): void => {
    if (driving.has(name) || signal.aborted) return;
    const running = parts
      .drive(name, signal)
      .then(
        () => undefined,
        (error: unknown) => {
          if (!signal.aborted) onFault(error);
        },
      )
      .finally(() => driving.delete(name));
    driving.set(name, running);
  };
  const wake = async (name: string): Promise<void> => {
    const found = await store.getSync(name);
    if (found === undefined || found.origin !== origin) return;
    const sync = await accountDue(parts, name);
    if (sync !== undefined && isToRun(sync)) drive(name);
  };
  const look = async (): Promise<void> => {
    const { syncs } = await store.listSyncs();
    for (const sync of syncs.filter((one) => one.origin === origin)) {
      await wake(sync.name).catch((error: unknown) => onSyncFault(sync, error));
    }
  };
  const serve = async (): Promise<void> => {
    let schedulesAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      try {
        if (clock.monotonicMs() - schedulesAt >= SCHEDULES_EVERY_MS) {
          schedulesAt = clock.monotonicMs();
          await setSchedules(parts);
        }
        await look();
      } catch (error) {
        if (!signal.aborted) onFault(error);
      }
      await clock.sleep(LOOK_MS, signal).catch(() => undefined);
    }
    while (driving.size > 0) await Promise.all(driving.values());
  };
  return { wake, ended: serve() };
}

/** Whether there is something to do that no living process does. */
function isToRun(sync: StoredSync): boolean {
  const { open, afterwards } = readState(sync);
  return open.length + afterwards.length > 0 && sync.claim?.ownerAlive !== true;
}
