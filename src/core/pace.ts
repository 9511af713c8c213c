/** The pace of a limiter: what the policy remembers between two steps, and how the present pace is told to people. Pure. */
import type { PaceRecord } from "./store.ts";

/**
 * - `free`: nothing but the senders' own limits holds.
 * - `slowed`: too many requests were refused.
 * - `climbing`: on the way back to the limit.
 * - `reopening`: after a pause that the server asked for.
 * - `probing`: looking for the highest rate that is not refused.
 * - `settled`: just under the rate that was refused.
 */
export const PACE_PHASES = ["free", "slowed", "climbing", "reopening", "probing", "settled"] as const;
export type PacePhase = (typeof PACE_PHASES)[number];

/** What the policy keeps in the store beside the ceiling. Times are on the store's clock, in ms; rates per second. */
export interface PaceMemory {
  phase: PacePhase;
  /** When the ceiling was last changed. */
  since: number;
  /** Refusals until a moment after this were answers to an earlier pace. */
  cutAt: number;
  /** Share of requests refused, 0 to 1, when the pace was last cut. */
  refusedShare: number;
  /** The highest rate that stayed clean, and the lowest above it that was refused. */
  good?: number;
  bad?: number;
  /** When a rate that was refused may be tried again; the wait grows with every failure. */
  probeAt: number;
  probeWaitMs: number;
  /** While reopening: when the pause ends, and the rate to come back to. */
  resumeAt: number;
  target: number;
  /** While reopening: the phase after it. While probing: `settled` if that is where it started from. */
  afterwards: PacePhase;
  /** Until when somebody who asked for `--rate auto` counts as living. */
  searchUntil: number;
}

export interface PaceView {
  phase: Exclude<PacePhase, "free">;
  ceilingPerSecond: number;
  /** 0 to 1, when the pace was last cut. */
  refusedShare: number;
}

/** The memory as it was stored; undefined for none, and for one of another version, which is as good as none. */
export function readPaceMemory(stored: PaceRecord["memory"]): PaceMemory | undefined {
  if (stored === undefined) return undefined;
  const phase = PACE_PHASES.find((known) => known === stored["phase"]);
  const afterwards = PACE_PHASES.find((known) => known === stored["afterwards"]);
  const number = (name: string): number => {
    const value = stored[name];
    return typeof value === "number" ? value : Number.NaN;
  };
  const rate = (name: "good" | "bad") => (number(name) > 0 ? { [name]: number(name) } : {});
  const memory = {
    since: number("since"),
    cutAt: number("cutAt"),
    refusedShare: number("refusedShare"),
    probeAt: number("probeAt"),
    probeWaitMs: number("probeWaitMs"),
    resumeAt: number("resumeAt"),
    target: number("target"),
    searchUntil: number("searchUntil"),
  };
  const isWhole = Object.values(memory).every(Number.isFinite);
  if (phase === undefined || afterwards === undefined || !isWhole) return undefined;
  return { phase, afterwards, ...memory, ...rate("good"), ...rate("bad") };
}

/** undefined: nothing holds the senders back but their own limits. */
export function paceView(record: Pick<PaceRecord, "ceilingPerSecond" | "memory">): PaceView | undefined {
  const memory = readPaceMemory(record.memory);
  const { ceilingPerSecond } = record;
  if (memory === undefined || ceilingPerSecond === undefined || memory.phase === "free") return undefined;
  return { phase: memory.phase, ceilingPerSecond, refusedShare: memory.refusedShare };
}
