/** Whether a schedule can be kept: its cron pattern, its time zone, and how close its ticks are. */
import { CronExpressionParser } from "cron-parser";
import { counted } from "../src/core/counted.ts";

/** Ticks looked at to tell how close they are. */
const SAMPLE = 50;

/** What is wrong with the pattern, as the end of a sentence; undefined: nothing. */
export function cronProblem(cron: string): string | undefined {
  const fields = cron.trim().split(/\s+/).length;
  // The parser takes fewer, and fills them in.
  if (!cron.trim().startsWith("@") && (fields < 5 || fields > 6)) {
    return `has ${counted(fields, "field")}: write minute, hour, day, month, weekday, as in "0 2 * * *"`;
  }
  try {
    CronExpressionParser.parse(cron, { currentDate: new Date(0), tz: "UTC" }).next();
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `is no cron pattern: ${reason.replace(/^Constraint error, /, "")}`;
  }
}

export function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** The shortest time between two of the pattern's next ticks. */
export function shortestGapMs(cron: string): number {
  const ticks = CronExpressionParser.parse(cron, { currentDate: new Date(0), tz: "UTC" });
  let shortest = Number.POSITIVE_INFINITY;
  let before = ticks.next().getTime();
  for (let n = 0; n < SAMPLE; n += 1) {
    const next = ticks.next().getTime();
    shortest = Math.min(shortest, next - before);
    before = next;
  }
  return shortest;
}
