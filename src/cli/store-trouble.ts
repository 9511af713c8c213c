/** A store that holds the work up: that is said once, and again when it works. The faults themselves come many times. */
import { TraceloadError } from "../core/errors.ts";
import { describeFault } from "./session.ts";

export interface StoreTroubleOptions {
  /** Prints one line. */
  note: (text: string) => void;
  monotonicMs: () => number;
}

/** Shorter absences are nobody's concern: a restart, a failover. */
const AWAY_MS = 3_000;
/** A store in trouble is met more often than this: by the lease's renewal, or by connections that are tried again. */
const QUIET_MS = 10_000;
/** So long after the last fault, rows that get their results show that it works. */
const SETTLED_QUIET_MS = 2_000;

const AWAY_CODES = new Set<unknown>([
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EPIPE",
  "ETIMEDOUT",
]);

export class StoreTrouble {
  readonly #note: (text: string) => void;
  readonly #monotonicMs: () => number;
  #since: number | undefined;
  #last = 0;
  #told = false;
  /** Rows with a result, when the store last failed. */
  #settledThen: number | undefined;

  constructor({ note, monotonicMs }: StoreTroubleOptions) {
    this.#note = note;
    this.#monotonicMs = monotonicMs;
  }

  /** Whether it has been said that the store holds the work up, and not yet that it works again. */
  get isTold(): boolean {
    return this.#told;
  }

  fault(error: unknown): void {
    const isFull = error instanceof TraceloadError && error.code === "store_full";
    if (!isFull && !isAway(error) && !this.#told) return;
    const now = this.#monotonicMs();
    if (!this.#told && now - this.#last > QUIET_MS) this.#since = undefined;
    this.#since ??= now;
    this.#last = now;
    this.#settledThen = undefined;
    if (this.#told || !(isFull || now - this.#since >= AWAY_MS)) return;
    this.#told = true;
    const what = isFull ? "the store is full" : "the store does not answer";
    this.#note(`${what}: ${describeFault(error)}; nothing more is sent until it works again`);
    const step = isFull ? firstStep(error) : "start it, or mend the way to it";
    this.#note(`  next: ${step}; the rest then goes on by itself`);
  }

  /** To be called often. `settledRows`: how many rows have a result, where that is known. */
  look(settledRows?: number): void {
    if (!this.#told) return;
    this.#settledThen ??= settledRows;
    const quietMs = this.#monotonicMs() - this.#last;
    const goesOn = settledRows !== this.#settledThen && quietMs >= SETTLED_QUIET_MS;
    if (!goesOn && quietMs < QUIET_MS) return;
    this.#told = false;
    this.#since = undefined;
    this.#note("the store works again");
  }
}

function isAway(error: unknown): boolean {
  if (error instanceof TraceloadError) return error.code === "store_unreachable";
  return error instanceof Error && "code" in error && AWAY_CODES.has(error.code);
}

/** The catalogue's last step is to type the command again, for a command that has ended. */
function firstStep(error: TraceloadError): string {
  const [last = ""] = (error.next ?? "").split("\n").slice(-1);
  return last.replace(/, then type .*$/, "") || "make room in it";
}
