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

interface Waiter {
  signal: AbortSignal;
  go(): void;
  fail(reason: unknown): void;
}

export function makePlaces(count: number): Places {
  const waiting = new Set<Waiter>();
  const watched = new WeakSet<AbortSignal>();
  let taken = 0;

  /** Once a signal: a listener for each that waits would come and go with every row. */
  const watch = (signal: AbortSignal): void => {
    if (watched.has(signal)) return;
    watched.add(signal);
    const release = (): void => {
      for (const waiter of waiting) {
        if (waiter.signal !== signal) continue;
        waiting.delete(waiter);
        waiter.fail(signal.reason);
      }
    };
    signal.addEventListener("abort", release, { once: true });
  };

  return {
    take: (signal) => {
      if (signal.aborted) return Promise.reject(signal.reason as Error);
      if (taken < count) {
        taken += 1;
        return Promise.resolve();
      }
      watch(signal);
      return new Promise<void>((go, fail) => {
        waiting.add({ signal, go, fail });
      });
    },
    leave: () => {
      // The place goes straight to whoever waits longest; the number taken stays as it is.
      for (const waiter of waiting) {
        waiting.delete(waiter);
        waiter.go();
        return;
      }
      taken -= 1;
    },
  };
}
