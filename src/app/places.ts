/**
 * How many requests this process has in flight, at most. More jobs than this are in hand, since a job's bookkeeping
 * before and after its request waits for the store: the places are for the part that may end unknown.
 */

export interface Places {
  /** Resolves when there is a free place, in order of asking. Rejects with the signal's reason when it aborts. */
  take(signal: AbortSignal): Promise<void>;
  /** Gives one place back. */
  leave(): void;
}

export function makePlaces(count: number): Places {
  const waiting = new Set<() => void>();
  let taken = 0;
  return {
    take: (signal) => {
      if (signal.aborted) return Promise.reject(signal.reason as Error);
      if (taken < count) {
        taken += 1;
        return Promise.resolve();
      }
      return new Promise<void>((resolve, reject) => {
        const go = () => {
          signal.removeEventListener("abort", giveUp);
          resolve();
        };
        const giveUp = () => {
          waiting.delete(go);
          reject(signal.reason as Error);
        };
        signal.addEventListener("abort", giveUp, { once: true });
        waiting.add(go);
      });
    },
    leave: () => {
      // The place goes straight to whoever waits longest; the number taken stays as it is.
      for (const go of waiting) {
        waiting.delete(go);
        go();
        return;
      }
      taken -= 1;
    },
  };
}
