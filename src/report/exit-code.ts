/** What a run's end means to the shell. */
import { ERROR_CODES } from "../core/errors.ts";
import type { RowStatus, RunState } from "../core/status.ts";

export const EXIT_CODES = {
  ok: 0,
  rowsNotAdded: 1,
  tooManyErrors: 2,
  fatal: 3,
  resumable: 4,
  bug: 5,
  unknownRows: 6,
  wrongUsage: 64,
  interrupted: 130,
  terminated: 143,
} as const;

export interface RunEnd {
  state: RunState;
  counts: Readonly<Record<RowStatus, number>>;
  halt: { code: string; message: string } | undefined;
  /** The signal that ended the command, if one did. A run that finished all the same counts as finished. */
  signal?: "SIGINT" | "SIGTERM" | undefined;
  /** Whether nothing to read is fine. */
  allowEmpty?: boolean | undefined;
}

/**
 * 0 all settled well · 1 finished, some rows invalid, rejected or failed · 2 stopped, too many errors · 3 stopped,
 * fatal · 4 paused or still running · 6 finished, unknown rows remain (outranks 1) · 130/143 after a signal.
 */
export function exitCodeOf(end: RunEnd): number {
  switch (end.state) {
    case "finished":
      return finishedCode(end);
    case "stopped":
      return end.halt !== undefined && isErrorCode(end.halt.code)
        ? ERROR_CODES[end.halt.code]
        : EXIT_CODES.tooManyErrors;
    case "reading":
    case "draining":
    case "verifying":
    case "paused":
    case "interrupted":
    case "cancelled":
      if (end.signal === "SIGINT") return EXIT_CODES.interrupted;
      return end.signal === "SIGTERM" ? EXIT_CODES.terminated : EXIT_CODES.resumable;
    default:
      return end.state satisfies never;
  }
}

function finishedCode({ counts, allowEmpty }: RunEnd): number {
  const read = Object.values(counts).reduce((sum, rows) => sum + rows, 0);
  if (read === 0) return allowEmpty === true ? EXIT_CODES.ok : EXIT_CODES.fatal;
  if (counts.unknown > 0) return EXIT_CODES.unknownRows;
  // Rows left unsent in a finished run: one of its groups was stopped.
  if (counts.unprocessed > 0) return EXIT_CODES.tooManyErrors;
  return counts.invalid + counts.rejected + counts.failed > 0 ? EXIT_CODES.rowsNotAdded : EXIT_CODES.ok;
}

/** Whether what halted a run is a fault of the catalogue, and not the number of its errors. */
export function isErrorCode(code: string): code is keyof typeof ERROR_CODES {
  return Object.hasOwn(ERROR_CODES, code);
}
