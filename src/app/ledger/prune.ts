/** Forgets what was added to a dataset group whose dataset is gone. */
import type { GroupKey } from "../../core/row.ts";
import type { Store } from "../../core/store.ts";

const REMOVED_AT_ONCE = 1_000;

export interface Pruned {
  /** Entries that were forgotten. */
  removed: number;
  /** Entries that stay: nobody knows whether their rows are there. */
  unknown: number;
  sending: number;
}

/** Rows of the group that were added count as never sent from now on. Repeating it goes on where it was stopped. */
export async function pruneGroup(
  store: Pick<Store, "removeEntries" | "getGroup">,
  group: GroupKey,
  signal: AbortSignal,
): Promise<Pruned> {
  let removed = 0;
  for (;;) {
    signal.throwIfAborted();
    const gone = await store.removeEntries(group, REMOVED_AT_ONCE);
    if (gone === 0) break;
    removed += gone;
  }
  const { unknown, sending } = await store.getGroup(group);
  return { removed, unknown, sending };
}
