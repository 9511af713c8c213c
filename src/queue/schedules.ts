/**
 * When syncs are due, as BullMQ's job schedulers on the control queue. They only wake a worker: which ticks there are,
 * and whether they have run, is the store's to know, so that one wake-up too many or too few changes nothing.
 */
import type { Queue } from "bullmq";
import type { Queues, QueueSchedule } from "../core/queue.ts";

/** Name of the job that wakes a worker for a sync. */
export const SYNC_TICK = "sync-tick";

/** Begins the ids of schedulers: others of the queue are none of ours. */
const PREFIX = "sync-";

type Schedules = Pick<Queues, "requestTick" | "setSchedule" | "removeSchedule" | "listSchedules">;

export function schedulesOn(controlQueue: () => Queue): Schedules {
  return {
    requestTick: async (sync) => {
      await controlQueue().add(SYNC_TICK, { sync });
    },
    setSchedule: async ({ sync, cron, timezone }) => {
      const template = { name: SYNC_TICK, data: { sync } };
      await controlQueue().upsertJobScheduler(PREFIX + sync, { pattern: cron, tz: timezone }, template);
    },
    removeSchedule: async (sync) => {
      await controlQueue().removeJobScheduler(PREFIX + sync);
    },
    listSchedules: async () => {
      const found = await controlQueue().getJobSchedulers(0, -1);
      return found.flatMap(({ key, pattern, tz }): QueueSchedule[] =>
        key.startsWith(PREFIX) && pattern !== undefined
          ? [{ sync: key.slice(PREFIX.length), cron: pattern, timezone: tz ?? "" }]
          : [],
      );
    },
  };
}
