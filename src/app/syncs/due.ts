/**
 * When ticks of a schedule are due. The pattern is read by the library that BullMQ wakes workers by, so that both mean
 * the same on the days when the clock is changed: an hour that is missing is made up for at once, one that comes twice
 * counts once, and what comes every half hour goes on doing so.
 */
import { createHash } from "node:crypto";
import { CronExpressionParser } from "cron-parser";
import type { SyncSchedule } from "../../core/syncs.ts";

/** Ticks told apart at once. Of a longer time without a worker only the last ones are; the rest is one record. */
export const MOST_TICKS = 1_000;

/** A schedule of a sync: syncs of the same hour have jitters of their own. */
export type NamedSchedule = SyncSchedule & { sync: string };

export interface DueTicks {
  /** When each was due, oldest first: the pattern's time and its jitter. */
  ticks: number[];
  /** There were more before: from this time on, up to the first of `ticks`. */
  summedUpFrom: number | undefined;
  /** The pattern's time of the last tick: the next ones come after it. */
  cursor: number;
}

/** Ticks whose pattern's time is after `cursor`, and that are due by `nowMs`. */
export function dueTicks(schedule: NamedSchedule, cursor: number, nowMs: number): DueTicks {
  let found = ticksAfter(schedule, cursor, nowMs);
  let summedUpFrom: number | undefined;
  while (found.length === MOST_TICKS) {
    const [first = cursor, last = cursor] = [found[0], found.at(-1)];
    // Half of what so many ticks take, so that those that are left are fewer.
    const start = nowMs - (last - first) / 2;
    if (start <= last) {
      found = found.concat(ticksAfter(schedule, last, nowMs));
      break;
    }
    summedUpFrom ??= first;
    found = ticksAfter(schedule, start, nowMs);
  }
  return {
    ticks: found.map((at) => at + jitterOf(schedule, at)),
    summedUpFrom,
    cursor: found.at(-1) ?? cursor,
  };
}

/** When the first tick after `cursor` is due. */
export function nextDue(schedule: NamedSchedule, cursor: number): number {
  const at = patternFrom(schedule, cursor).next().getTime();
  return at + jitterOf(schedule, at);
}

function ticksAfter(schedule: NamedSchedule, cursor: number, nowMs: number): number[] {
  const pattern = patternFrom(schedule, cursor);
  const found: number[] = [];
  while (found.length < MOST_TICKS) {
    const at = pattern.next().getTime();
    if (at + jitterOf(schedule, at) > nowMs) break;
    found.push(at);
  }
  return found;
}

function patternFrom({ cron, timezone }: SyncSchedule, cursor: number) {
  return CronExpressionParser.parse(cron, { currentDate: new Date(cursor), tz: timezone });
}

/** The same for every process, and spread evenly over the ticks. */
function jitterOf({ sync, jitterMs }: NamedSchedule, at: number): number {
  if (jitterMs === 0) return 0;
  const hash = createHash("sha256").update(`${sync}|${at}`).digest();
  return Math.floor((hash.readUInt32BE(0) / 2 ** 32) * jitterMs);
}
