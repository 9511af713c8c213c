/** What a draft's count says about a group's rows in doubt. Pure: the reading that it judges is group.ts's. */

export interface Reading {
  /** Rows in the draft before traceload's first. */
  baseline: number;
  /** Confirmed additions to this draft since the baseline, of every run. */
  added: number;
  /** Rows (distinct keys) in doubt that were claimed for this draft. */
  unknown: number;
  /** Rows in doubt that were claimed for another draft. Applied late, they landed in this one, and stand in its count. */
  elsewhere: number;
  /** Rows in the draft. */
  total: number;
  /** Whether none of the doubtful requests, `elsewhere` too, could still be applied when the reading began. */
  quiet: boolean;
}

/**
 * - `balanced`: nothing is in doubt in this draft, and it holds what it should.
 * - `landed`: the draft holds all that are in doubt. True at any time: what is there stays there.
 * - `absent`: it holds none of them, and none can arrive any more.
 * - `wait`: it holds none of them yet.
 * - `some`: it holds some of them; the count cannot say which.
 * - `foreign`: it holds rows that traceload did not add, or lacks some that it did; the count says nothing.
 */
export type Judgement = "balanced" | "landed" | "absent" | "wait" | "some" | "foreign";

/**
 * Rows of another draft make the count say less, never something false. What the draft holds beyond what is known to be
 * there is `unknown` that landed and `elsewhere` that landed here. If that sum is 0, both are, so none of `unknown` has
 * landed: with nothing left that could arrive, they are absent. If it is not 0, it may be any of them: even a sum of
 * exactly `unknown` does not say that these are they.
 */
export function judge({ baseline, added, unknown, elsewhere, total, quiet }: Reading): Judgement {
  const surplus = total - baseline - added;
  if (surplus === 0 && unknown === 0) return "balanced";
  if (surplus === 0) return quiet ? "absent" : "wait";
  if (surplus === unknown && elsewhere === 0) return "landed";
  return surplus > 0 && surplus <= unknown + elsewhere ? "some" : "foreign";
}
