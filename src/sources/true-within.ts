/** Waiting for something that may take longer than anybody wants to wait. */
import { setTimeout as delay } from "node:timers/promises";

/** What `promise` resolves with; false where it takes longer. Rejects with the signal's reason. */
export async function trueWithin(
  promise: Promise<boolean>,
  ms: number,
  signal: AbortSignal,
): Promise<boolean> {
  const over = new AbortController();
  try {
    return await Promise.race([
      promise,
      delay(ms, false, { signal: AbortSignal.any([signal, over.signal]) }),
    ]);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    over.abort();
  }
}
