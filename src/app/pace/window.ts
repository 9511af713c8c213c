/** What the limiter's senders were answered over the last while, from totals that were seen one after the other. Pure. */

/** Totals of one limiter, at one time on the store's clock. */
export interface PaceSample {
  now: number;
  answered: number;
  refused: number;
}

export interface Window {
  ms: number;
  answered: number;
  refused: number;
  /** Refused of the answered, 0 to 1; 0 where nothing was answered. */
  refusedShare: number;
  answeredPerSecond: number;
}

/** From `from`, or the oldest sample after it, until the newest. Samples are in order of time. */
export function windowSince(samples: readonly PaceSample[], from: number): Window {
  const newest = samples.at(-1);
  const oldest = samples.find((sample) => sample.now >= from);
  if (newest === undefined || oldest === undefined) {
    return { ms: 0, answered: 0, refused: 0, refusedShare: 0, answeredPerSecond: 0 };
  }
  const ms = newest.now - oldest.now;
  const answered = Math.max(0, newest.answered - oldest.answered);
  const refused = Math.max(0, newest.refused - oldest.refused);
  return {
    ms,
    answered,
    refused,
    refusedShare: answered === 0 ? 0 : Math.min(1, refused / answered),
    answeredPerSecond: ms === 0 ? 0 : (answered * 1_000) / ms,
  };
}
