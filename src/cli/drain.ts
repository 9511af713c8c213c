/** The end of a process that was told to stop: it has so long to finish what it has in hand. */
import type { Clock } from "../core/clock.ts";
import { EXIT_CODES } from "../report/exit-code.ts";

export interface DrainOptions {
  /** Aborts when the process is told to stop. */
  signal: AbortSignal;
  received: () => "SIGINT" | "SIGTERM" | undefined;
  graceMs: number;
  clock: Pick<Clock, "sleep">;
  /** Told when the time is over and the work is not. */
  onLate: () => void;
}

/**
 * Resolves with 0 when the work has ended, or, so long after the stop, with the code of a process that a signal ended.
 * The work goes on then until the process exits, which is the caller's next step. Rejects as the work does.
 */
export async function drained(work: Promise<void>, options: DrainOptions): Promise<number> {
  const { signal, received, graceMs, clock, onLate } = options;
  const ended = new AbortController();
  const late = async (): Promise<number> => {
    if (!signal.aborted) {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    }
    await clock.sleep(graceMs, ended.signal);
    onLate();
    return received() === "SIGINT" ? EXIT_CODES.interrupted : EXIT_CODES.terminated;
  };
  const inTime = work.then(() => 0).finally(() => ended.abort());
  const tooLate = late();
  tooLate.catch(() => undefined);
  return Promise.race([inTime, tooLate.catch(() => inTime)]);
}
