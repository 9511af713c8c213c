/** Makes the queue's schedules those of the store. */
import type { Queues } from "../../core/queue.ts";
import type { Store } from "../../core/store.ts";
import type { StoredSync, SyncPolicy } from "../../core/syncs.ts";

export interface SchedulesParts {
  store: Pick<Store, "listSyncs">;
  queues: Pick<Queues, "setSchedule" | "removeSchedule" | "listSchedules">;
  policyOf: (sync: StoredSync) => SyncPolicy;
}

/**
 * Resolves when the schedules are those of the syncs that the store has then: who finds that others were applied
 * meanwhile does it again, so that the last one to be ready leaves the last ones there. Repeating it changes nothing.
 */
export async function setSchedules({ store, queues, policyOf }: SchedulesParts): Promise<void> {
  for (;;) {
    const { revision, syncs } = await store.listSyncs();
    const present = new Map((await queues.listSchedules()).map((schedule) => [schedule.sync, schedule]));
    for (const sync of syncs) {
      const { schedule } = policyOf(sync);
      if (schedule === undefined) continue;
      const { cron, timezone } = schedule;
      const there = present.get(sync.name);
      present.delete(sync.name);
      if (there?.cron === cron && there.timezone === timezone) continue;
      await queues.setSchedule({ sync: sync.name, cron, timezone });
    }
    for (const name of present.keys()) await queues.removeSchedule(name);
    if ((await store.listSyncs()).revision === revision) return;
  }
}
