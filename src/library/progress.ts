/** How far a run is: as an event, and as the rate that it came to. */
import { rowsAnswered, rowsRead } from "../core/status.ts";
import { type Progress, systemClock } from "../wire.ts";
import type { RunEvent } from "./run-events.ts";

/** What a program is told of a run's progress. */
export function progressEvent(progress: Progress): RunEvent {
  const { run, inFlight, limitPerSecond, waitingMs } = progress;
  return {
    type: "progress",
    runId: run.runId,
    state: run.state,
    counts: { read: rowsRead(run.counts), ...run.counts },
    inFlight,
    limitPerSecond: limitPerSecond ?? null,
    waitingMs: waitingMs ?? null,
  };
}

/** Requests answered over the whole run, per second. */
export class AnsweredRate {
  #first: { at: number; answered: number } | undefined;
  #last: { at: number; answered: number } | undefined;

  see({ run: { counts } }: Progress): void {
    this.#last = { at: systemClock.monotonicMs(), answered: rowsAnswered(counts) };
    this.#first ??= this.#last;
  }

  perSecond(): number | undefined {
    if (this.#first === undefined || this.#last === undefined) return undefined;
    const seconds = (this.#last.at - this.#first.at) / 1000;
    const answered = this.#last.answered - this.#first.answered;
    return answered === 0 || seconds <= 0 ? undefined : answered / seconds;
  }
}
