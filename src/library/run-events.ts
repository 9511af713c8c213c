/** What a run tells while it goes on, to whoever iterates over it. What nobody reads takes no more memory with time. */
import type { RunState } from "../core/status.ts";
import type { RunSummary, SummaryCounts } from "../report/summary.ts";

export type RunEvent =
  /** Something worth saying: a sentence, such as that an earlier run is carried on, or a warning. */
  | { type: "note"; message: string }
  /** How far the run is; several times a second, fewer for a slow reader. */
  | {
      type: "progress";
      runId: string;
      state: RunState;
      /** Rows without a result yet are `queued`. */
      counts: Omit<SummaryCounts, "planned"> & { queued: number };
      inFlight: number;
      /** `null`: no limit. */
      limitPerSecond: number | null;
      /** How long until the server is asked again about rows that may still arrive; `null`: nothing is waited for. */
      waitingMs: number | null;
    }
  /** The last one: what `result` resolves with. */
  | { type: "end"; result: RunSummary };

const MOST_NOTES = 1_000;

export class RunEvents {
  #waiting: RunEvent[] = [];
  #notes = 0;
  #over: { error: unknown } | "well" | undefined;
  #wake: (() => void) | undefined;

  push(event: RunEvent): void {
    // Only the latest progress counts, and what was said first.
    if (event.type === "progress" && this.#waiting.at(-1)?.type === "progress") this.#waiting.pop();
    if (event.type === "note") {
      if (this.#notes >= MOST_NOTES) return;
      this.#notes += 1;
    }
    this.#waiting.push(event);
    this.#wake?.();
  }

  end(result: RunSummary): void {
    this.push({ type: "end", result });
    this.#over = "well";
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#over = { error };
    this.#wake?.();
  }

  /** For one reader. Leaving it ends nothing. Throws what ended the run without a result. */
  async *read(): AsyncGenerator<RunEvent, void, undefined> {
    for (;;) {
      const event = this.#waiting.shift();
      if (event !== undefined) {
        if (event.type === "note") this.#notes -= 1;
        yield event;
        continue;
      }
      if (this.#over === "well") return;
      if (this.#over !== undefined) throw this.#over.error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
