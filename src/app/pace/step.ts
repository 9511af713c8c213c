/** What every rule of the pace starts from: the present state, read once, and the few numbers that are tuned. Pure. */
import type { PaceMemory, PacePhase } from "../../core/pace.ts";
import { windowSince, type PaceSample, type Window } from "./window.ts";

/** Totals this far back are looked at. */
export const WINDOW_MS = 5_000;
/** More than this share of the requests refused: too fast. */
export const TOO_MANY = 0.02;
/** So few refusals say nothing: one of three is 33 %. */
export const LEAST_REFUSALS = 4;
/** At most this share refused: the pace may rise. */
export const CLEAN = 0.01;
/** Answers to requests of the pace before: until so long after it was cut. */
export const SETTLING_MS = 2_000;

export interface Step {
  now: number;
  /** The limiter's totals over time, the newest last. */
  samples: readonly PaceSample[];
  memory: PaceMemory;
  /** The rate in force: the ceiling, or the limit where there is none below it. */
  rate: number;
}

/** What is set: a ceiling (undefined: none), and what to remember. */
export interface Pace {
  ceilingPerSecond: number | undefined;
  memory: PaceMemory;
}

export const FRESH: PaceMemory = {
  phase: "free",
  since: 0,
  cutAt: 0,
  refusedShare: 0,
  probeAt: 0,
  probeWaitMs: 0,
  resumeAt: 0,
  target: 0,
  afterwards: "free",
  searchUntil: 0,
};

/** The answers that judge the present pace, since the last cut. */
export function recentAnswers({ now, samples, memory }: Step): Window {
  return windowSince(samples, Math.max(now - WINDOW_MS, memory.cutAt + SETTLING_MS));
}

export function areTooManyRefused({ refused, refusedShare }: Window): boolean {
  return refused >= LEAST_REFUSALS && refusedShare > TOO_MANY;
}

/** The change to another rate. */
export function moveTo(step: Step, rate: number, phase: PacePhase, change: Partial<PaceMemory> = {}): Pace {
  return {
    ceilingPerSecond: rate,
    memory: { ...step.memory, phase, since: step.now, ...change },
  };
}

/** Without the mark that is given up; a property that is undefined would not survive the store. */
export function forget(memory: PaceMemory, mark: "good" | "bad"): PaceMemory {
  const { [mark]: _forgotten, ...rest } = memory;
  return rest;
}
