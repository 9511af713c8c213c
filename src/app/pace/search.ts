/**
 * The pace where no limit is known. It doubles while nothing is refused, then narrows down the rate at which refusals
 * begin, settles just under it, and tries a little more now and then. Pure.
 */
import type { PaceMemory } from "../../core/pace.ts";
import {
  areTooManyRefused,
  CLEAN,
  forget,
  moveTo,
  recentAnswers,
  SETTLING_MS,
  WINDOW_MS,
  type Pace,
  type Step,
} from "./step.ts";
import { windowSince } from "./window.ts";

export const LOWEST_PER_SECOND = 1;
/** A rate is good after so long without refusals; one that is tried again, after longer. */
const CLEAN_MS = 3_000;
const CLEAN_AGAIN_MS = 8_000;
/** A rate that was hardly used was not tried. */
const USED = 0.6;
/** Once a rate was refused, there is no more doubling. */
const DOUBLE = 2;
const GENTLY = 1.06;
/** Good and refused rate this close together: found. */
const CLOSE = 1.03;
const JUST_UNDER = 0.96;
/** Arrivals are never quite even. */
const SLACK = 0.98;
const A_LITTLE_MORE = 1.05;
/** Neither clean nor too many, for so long: too fast all the same. */
const UNDECIDED_MS = 10_000;
/** So many refused at a rate that was good before: the server's limit has changed. */
const LIMIT_CHANGED = 0.2;
const FIRST_PROBE_MS = 60_000;
const LONGEST_PROBE_MS = 240_000;

export function searchedPace(step: Step): Pace | undefined {
  const seen = recentAnswers(step);
  if (areTooManyRefused(seen)) return cut(step, seen.refusedShare);
  const { now, samples, memory, rate } = step;
  const again = memory.phase === "probing" && memory.afterwards === "settled";
  if (now - memory.since < (again ? CLEAN_AGAIN_MS : CLEAN_MS)) return undefined;
  const last = windowSince(
    samples,
    Math.max(memory.since + CLEAN_MS - SETTLING_MS, memory.cutAt + SETTLING_MS, now - WINDOW_MS),
  );
  // Most of the time must be looked at, and so much of the rate used that it was tried.
  if (last.ms < SETTLING_MS / 2 || last.answeredPerSecond < USED * rate) return undefined;
  if (last.refusedShare <= CLEAN) return raise(step);
  const undecided = memory.phase === "probing" && now - memory.since > UNDECIDED_MS;
  return undecided ? cut(step, last.refusedShare) : undefined;
}

/**
 * The pace after the present rate was refused: back to the rate that was good, else a little or far down.
 * `refusedShare` may be small if the server asked for a pause.
 */
export function cut(step: Step, refusedShare: number): Pace {
  const { memory, rate, now } = step;
  const { good } = memory;
  const marks = { cutAt: now, refusedShare };
  if (good !== undefined && good < rate * 0.99) {
    const bad = Math.min(rate, memory.bad ?? rate);
    const fromSettled = memory.afterwards === "settled";
    const probeWaitMs = fromSettled ? Math.min(LONGEST_PROBE_MS, memory.probeWaitMs * 2) : FIRST_PROBE_MS;
    const found = { good, bad, probeWaitMs, ...marks };
    // It was clean there for long: a probe that fails says nothing against it.
    if (fromSettled) return moveTo(step, good, "settled", { ...found, probeAt: now + probeWaitMs });
    if (bad / good <= CLOSE) return settle(step, found);
    return moveTo(step, good, "probing", { bad, probeWaitMs, ...marks });
  }
  if (memory.phase === "settled" && refusedShare < LIMIT_CHANGED) {
    const probeWaitMs = Math.min(LONGEST_PROBE_MS, memory.probeWaitMs * 2);
    return settle(step, { good: rate, bad: rate, probeWaitMs, ...marks });
  }
  const down = refusedShare >= LIMIT_CHANGED ? 0.5 : JUST_UNDER;
  const next = Math.max(LOWEST_PER_SECOND, rate * down);
  const unknown = { ...step, memory: forget(memory, "good") };
  return moveTo(unknown, next, "probing", {
    bad: rate,
    probeWaitMs: FIRST_PROBE_MS,
    afterwards: "free",
    ...marks,
  });
}

/** The present rate is good. */
function raise(step: Step): Pace | undefined {
  const { memory, rate, now } = step;
  const { bad } = memory;
  const good = rate;
  if (memory.phase === "settled") {
    if (now < memory.probeAt) return undefined;
    return moveTo(step, rate * A_LITTLE_MORE, "probing", { good, afterwards: "settled" });
  }
  if (bad === undefined || rate >= bad) {
    const factor = memory.probeWaitMs === 0 ? DOUBLE : GENTLY;
    const known = forget(memory, "bad");
    return moveTo({ ...step, memory: known }, rate * factor, "probing", { good, afterwards: "free" });
  }
  if (bad / good > CLOSE) return moveTo(step, Math.sqrt(good * bad), "probing", { good });
  return settle(step, { good, bad, probeWaitMs: Math.max(FIRST_PROBE_MS, memory.probeWaitMs) });
}

function settle(
  step: Step,
  found: { good: number; bad: number; probeWaitMs: number } & Partial<PaceMemory>,
): Pace {
  const rate = Math.max(LOWEST_PER_SECOND, Math.min(found.good * SLACK, found.bad * JUST_UNDER));
  const probeAt = step.now + found.probeWaitMs;
  return moveTo(step, rate, "settled", { ...found, good: rate, probeAt });
}
