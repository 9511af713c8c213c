/**
 * The pace under a limit that was asked for. Too many refused: half, at most once in 5 s, never below a tenth of the
 * limit. While nothing is refused it climbs back by small steps, stays a while just under the rate that was refused,
 * and then goes past it. Pure.
 */
import {
  areTooManyRefused,
  CLEAN,
  forget,
  moveTo,
  recentAnswers,
  SETTLING_MS,
  type Pace,
  type Step,
} from "./step.ts";
import { windowSince } from "./window.ts";

export const HALVE_EVERY_MS = 5_000;
const STEP_MS = 1_000;
/** Steps to the limit, of its size; smaller ones past the rate that was refused. */
const STEPS = 20;
const STEPS_PAST = 50;
/** Below the rate that was refused. */
const STAY_BELOW = 0.9;
const FIRST_STAY_MS = 10_000;
const LONGEST_STAY_MS = 80_000;

export function lowestUnder(limitPerSecond: number): number {
  return limitPerSecond / 10;
}

export function paceUnderLimit(step: Step, limitPerSecond: number, hasCeiling: boolean): Pace | undefined {
  const { memory, now, rate } = step;
  const seen = recentAnswers(step);
  if (areTooManyRefused(seen) && now - memory.cutAt >= HALVE_EVERY_MS) {
    const next = Math.max(lowestUnder(limitPerSecond), rate / 2);
    if (next === rate) return undefined;
    return moveTo(step, next, "slowed", { refusedShare: seen.refusedShare, ...halvedMarks(step) });
  }
  return hasCeiling ? climb(step, limitPerSecond) : undefined;
}

/** What halving remembers: the rate that was too much, and when it may be tried again. */
export function halvedMarks({ memory, now, rate }: Step) {
  const triedAgain = memory.bad !== undefined && rate > memory.bad * STAY_BELOW;
  const probeWaitMs = triedAgain ? Math.min(LONGEST_STAY_MS, memory.probeWaitMs * 2) : FIRST_STAY_MS;
  return { cutAt: now, bad: rate, probeWaitMs, probeAt: now + HALVE_EVERY_MS + probeWaitMs };
}

function climb(step: Step, limitPerSecond: number): Pace | undefined {
  const { memory, now, samples, rate } = step;
  if (now - memory.since < STEP_MS || now < memory.cutAt + SETTLING_MS) return undefined;
  const last = windowSince(samples, Math.max(memory.cutAt + SETTLING_MS, now - 3 * STEP_MS));
  if (last.ms < STEP_MS || last.refusedShare > CLEAN) return undefined;
  const { bad } = memory;
  if (bad === undefined || rate >= bad) {
    return risen({ ...step, memory: forget(memory, "bad") }, rate + limitPerSecond / STEPS, limitPerSecond);
  }
  const stay = bad * STAY_BELOW;
  if (rate < stay) return risen(step, Math.min(stay, rate + limitPerSecond / STEPS), limitPerSecond);
  if (now < memory.probeAt) return undefined;
  return risen(step, rate + limitPerSecond / STEPS_PAST, limitPerSecond);
}

function risen(step: Step, rate: number, limitPerSecond: number): Pace {
  if (rate < limitPerSecond * 0.999) return moveTo(step, rate, "climbing");
  const { memory } = moveTo(step, limitPerSecond, "free");
  return { ceilingPerSecond: undefined, memory };
}
