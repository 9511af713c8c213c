/** What a draft's count says about a group's rows in doubt. Pure: the reading that it judges is verify-group.ts's. */

export interface Reading {
  /** Rows in the draft before traceload's first. */
  baseline: number;
  /** Confirmed additions to this draft since the baseline, of every run. */
  added: number;
  /** Rows (distinct keys) in doubt that were claimed for this draft. */
  unknown: number;
  /** Rows in the draft. */
  total: number;
  /** Whether none of the doubtful requests could still be applied when the reading began. */
  quiet: boolean;
}

/**
 * - `balanced`: nothing is in doubt, and the draft holds what it should.
 * - `landed`: the draft holds all that are in doubt. True at any time: what is there stays there.
 * - `absent`: it holds none of them, and none can arrive any more.
 * - `wait`: it holds none of them yet.
 * - `some`: it holds some of them; the count cannot say which.
 * - `foreign`: it holds rows that traceload did not add, or lacks some that it did; the count says nothing.
 */
export type Judgement = "balanced" | "landed" | "absent" | "wait" | "some" | "foreign";

export function judge({ baseline, added, unknown, total, quiet }: Reading): Judgement {
  const surplus = total - baseline - added;
  if (unknown === 0) return surplus === 0 ? "balanced" : "foreign";
  if (surplus === unknown) return "landed";
  if (surplus === 0) return quiet ? "absent" : "wait";
  return surplus > 0 && surplus < unknown ? "some" : "foreign";
}
