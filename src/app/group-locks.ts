/**
 * The gate of a dataset group, held while its draft is looked after: no row of the group is claimed meanwhile, in
 * whichever process. Within this process one at a time holds it, whatever runs they belong to: in the store they have
 * the same owner, and one's giving it back would open the gate under the other.
 */
import type { Clock } from "../core/clock.ts";
import type { GroupKey } from "../core/row.ts";
import type { LeaseId, Store } from "../core/store.ts";

export interface GroupLocks {
  /** Waits for the group's gate, holds it while `act` works, gives it back. Rejects when the signal aborts. */
  hold<T>(key: GroupKey, signal: AbortSignal, act: () => Promise<T>): Promise<T>;
}

export interface GroupLocksOptions {
  store: Pick<Store, "lockGroup" | "unlockGroup">;
  clock: Clock;
  owner: () => LeaseId;
}

const LOCK_MS = 30_000;
const POLL_MS = 200;

export function makeGroupLocks({ store, clock, owner }: GroupLocksOptions): GroupLocks {
  const lines = new Map<GroupKey, Promise<unknown>>();

  const holdAlone = async <T>(key: GroupKey, signal: AbortSignal, act: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    let holder = owner();
    while (!(await store.lockGroup(key, holder, LOCK_MS))) {
      await clock.sleep(POLL_MS, signal);
      // The lease may have been lost and another one taken meanwhile.
      holder = owner();
    }
    const done = new AbortController();
    // A lock that is lost all the same (a process that stood still) endangers nothing: verdicts go by the version.
    const extending = (async () => {
      for (;;) {
        await clock.sleep(LOCK_MS / 3, done.signal);
        await store.lockGroup(key, holder, LOCK_MS);
      }
    })().catch(() => undefined);
    try {
      return await act();
    } finally {
      done.abort();
      await extending;
      await store.unlockGroup(key, holder);
    }
  };

  return {
    hold: (key, signal, act) => {
      const before = lines.get(key) ?? Promise.resolve();
      const mine = before.then(() => holdAlone(key, signal, act));
      const settled = mine.then(
        () => undefined,
        () => undefined,
      );
      lines.set(key, settled);
      void settled.then(() => {
        if (lines.get(key) === settled) lines.delete(key);
      });
      return mine;
    },
  };
}
