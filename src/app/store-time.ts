/** The store's clock, asked once: what it shows later is told by this machine's monotonic clock. */
import type { Clock } from "../core/clock.ts";
import type { Store } from "../core/store.ts";

/**
 * Answers the store's time in milliseconds since the epoch, whatever this machine's wall clock says or jumps to. It is
 * behind while the machine sleeps.
 */
export async function readStoreTime(store: Pick<Store, "now">, clock: Clock): Promise<() => number> {
  const askedAt = clock.monotonicMs();
  const now = await store.now();
  return () => now + clock.monotonicMs() - askedAt;
}
