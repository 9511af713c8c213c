/**
 * Decides a limiter's pace from what its senders were answered. Whoever notes answers may decide: the store takes the
 * first of two decisions. Pure.
 */
import { readPaceMemory, type PaceMemory } from "../../core/pace.ts";
import type { PaceRecord } from "../../core/store.ts";
import { HALVE_EVERY_MS, halvedMarks, lowestUnder, paceUnderLimit } from "./known-limit.ts";
import { cut, LOWEST_PER_SECOND, searchedPace } from "./search.ts";
import {
  areTooManyRefused,
  FRESH,
  moveTo,
  recentAnswers,
  TOO_MANY,
  WINDOW_MS,
  type Pace,
  type Step,
} from "./step.ts";
import { windowSince, type PaceSample } from "./window.ts";

export type { Pace } from "./step.ts";

export interface PaceInput {
  record: PaceRecord;
  /** Totals of earlier records, oldest first. */
  history: readonly PaceSample[];
  /** The lowest rate that a sender asks for, as far as is known; undefined: none. */
  limitPerSecond: number | undefined;
  /** Whether this sender asks for the rate to be found (`--rate auto`). */
  search: boolean;
  /** Store's clock: until when the server asked everybody to wait, if it did so since the last decision. */
  pausedUntil: number | undefined;
}

/** A search starts here, or where an earlier one ended. */
export const FIRST_PER_SECOND = 5;
/** For so long a sender that asked for a search counts as living; it says so again before. */
const SEARCH_MS = 15_000;
const SAY_AGAIN_MS = 5_000;

/** Less where the limit is one that was asked for: how much the server bears is not known then. */
const REOPEN_AT = { known: 0.25, searched: 0.5 };
const REOPEN_STEP = 1.6;
const REOPEN_STEP_MS = 400;
const SAME_WAVE_MS = 500;

/** The pace to be set, or undefined: it stays as it is. */
export function nextPace(input: PaceInput): Pace | undefined {
  const { record, search } = input;
  const { now } = record;
  const memory = readPaceMemory(record.memory) ?? FRESH;
  const saysAgain = search && memory.searchUntil - now < SEARCH_MS - SAY_AGAIN_MS;
  const noted: PaceMemory = saysAgain ? { ...memory, searchUntil: now + SEARCH_MS } : memory;
  const decided = decide(input, noted);
  if (decided !== undefined) return decided;
  return saysAgain ? { ceilingPerSecond: record.ceilingPerSecond, memory: noted } : undefined;
}

function decide(input: PaceInput, memory: PaceMemory): Pace | undefined {
  const { record, history } = input;
  const { now, ceilingPerSecond } = record;
  const samples = [...history, { now, answered: record.answered, refused: record.refused }];
  const searching = memory.searchUntil > now;
  const limit = searching ? undefined : input.limitPerSecond;
  const before: Omit<Step, "rate"> = { now, samples, memory };

  if (ceilingPerSecond === undefined && searching) {
    const known = memory.good === undefined ? FIRST_PER_SECOND : memory.good;
    return moveTo({ ...before, rate: known }, known, "probing", { afterwards: "free" });
  }
  if (ceilingPerSecond === undefined && limit === undefined) return withoutLimit(input, before);

  const rate = Math.min(ceilingPerSecond ?? Infinity, limit ?? Infinity);
  const step: Step = { ...before, rate };
  if (input.pausedUntil !== undefined) return paused(step, limit, input.pausedUntil);
  if (memory.phase === "reopening" && ceilingPerSecond !== undefined) return reopen(step, limit);
  if (limit === undefined) return searchedPace(step);
  return paceUnderLimit(step, limit, ceilingPerSecond !== undefined);
}

/** Nobody asked for a limit. Once there are refusals, there is one; from then on it is searched for. */
function withoutLimit(input: PaceInput, before: Omit<Step, "rate">): Pace | undefined {
  const { now, samples } = before;
  const used = windowSince(samples, now - WINDOW_MS / 2).answeredPerSecond;
  const step: Step = { ...before, rate: Math.max(LOWEST_PER_SECOND, used) };
  if (input.pausedUntil !== undefined) return paused(step, undefined, input.pausedUntil);
  const seen = recentAnswers(step);
  return areTooManyRefused(seen) ? cut(step, Math.max(seen.refusedShare, 0.5)) : undefined;
}

/** The server asked everybody to wait. What comes after must not come all at once. */
function paused(step: Step, limit: number | undefined, until: number): Pace | undefined {
  const { memory, now } = step;
  const isReopening = memory.phase === "reopening";
  // The refusals of one wave, told by several processes, are one pause.
  if (until < memory.resumeAt + SAME_WAVE_MS) return undefined;
  if (isReopening && now <= memory.resumeAt) {
    return { ceilingPerSecond: step.rate, memory: { ...memory, resumeAt: until, cutAt: until } };
  }
  const after = afterPause({ ...step, rate: isReopening ? memory.target : step.rate }, limit);
  const lowest = limit === undefined ? LOWEST_PER_SECOND : lowestUnder(limit);
  const target = after.ceilingPerSecond ?? step.rate;
  return moveTo(
    { ...step, memory: after.memory },
    Math.max(lowest, target * (limit === undefined ? REOPEN_AT.searched : REOPEN_AT.known)),
    "reopening",
    {
      cutAt: until,
      resumeAt: until,
      target,
      afterwards: after.memory.phase,
    },
  );
}

/** The pace to come back to. A pause alone says nothing about a limit that was asked for; one after the other do. */
function afterPause(step: Step, limit: number | undefined): Pace {
  const { memory, now, rate } = step;
  const seen = recentAnswers(step);
  if (limit === undefined) return cut(step, seen.refusedShare > TOO_MANY ? seen.refusedShare : 0);
  const isAgain = memory.resumeAt > 0 && now - memory.resumeAt < HALVE_EVERY_MS;
  if (!isAgain) return { ceilingPerSecond: rate, memory: { ...memory, phase: "climbing" } };
  const next = Math.max(lowestUnder(limit), rate / 2);
  const marks = { ...halvedMarks(step), refusedShare: seen.refusedShare };
  return { ceilingPerSecond: next, memory: { ...memory, phase: "slowed", ...marks } };
}

function reopen(step: Step, limit: number | undefined): Pace | undefined {
  const { memory, now, rate } = step;
  if (now < memory.resumeAt + REOPEN_STEP_MS || now < memory.since + REOPEN_STEP_MS) return undefined;
  const next = rate * REOPEN_STEP;
  if (next < memory.target) return moveTo(step, next, "reopening");
  if (limit !== undefined && memory.target >= limit) {
    return { ceilingPerSecond: undefined, memory: moveTo(step, limit, "free").memory };
  }
  return moveTo(step, memory.target, memory.afterwards, { afterwards: "free" });
}
