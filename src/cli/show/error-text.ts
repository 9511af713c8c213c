/** A fault as the person who typed the command sees it. */
import { TraceloadError } from "../../core/errors.ts";
import { EXIT_CODES } from "../../report/exit-code.ts";
import { visible, visibleLines } from "./escape.ts";
import { colorsFor } from "./status-style.ts";

const SIGNAL_CODES = { SIGINT: EXIT_CODES.interrupted, SIGTERM: EXIT_CODES.terminated } as const;

export interface ErrorLook {
  color: boolean;
  /** Shows what caused the fault, too. */
  verbose?: boolean;
  /** What to type next, as it has to be typed; default: as it is. */
  typed?: (next: string) => string;
}

/**
 * `traceload: <what, where, why>` and what to do next. Anything but a `TraceloadError` is a bug: shown with its stack,
 * and where to report it. Ends in a line break.
 */
export function renderError(error: unknown, look: ErrorLook): string {
  const colors = colorsFor(look.color);
  const name = colors.red("traceload:");
  if (error instanceof TraceloadError && error.code !== "bug") {
    return [
      `${name} ${visible(error.message)}`,
      ...(look.verbose === true ? causeLines(error.cause).map(colors.dim) : []),
      ...nextLines(error.next === undefined ? undefined : (look.typed?.(error.next) ?? error.next)),
      "",
    ].join("\n");
  }
  return [
    `${name} this is a bug in traceload: ${visible(messageOf(error))}`,
    ...stackLines(error).map(colors.dim),
    ...nextLines(
      "report it in the project's issue tracker, with the lines above and the command you typed\ntype the same command again: rows that were added are not sent twice",
    ),
    "",
  ].join("\n");
}

export function isStoreFault(error: unknown): error is TraceloadError {
  return error instanceof TraceloadError && error.code.startsWith("store_");
}

/** The exit code of a command that ended in this fault; `signal`: what it was told to stop by, before. */
export function exitCodeOfError(error: unknown, signal?: "SIGINT" | "SIGTERM"): number {
  // A store that could not be told of the stop does not undo it.
  if (signal !== undefined && isStoreFault(error)) return SIGNAL_CODES[signal];
  return error instanceof TraceloadError ? error.exitCode : 5;
}

/** Each line under the other: `  next: …`. */
function nextLines(next: string | undefined): string[] {
  if (next === undefined || next === "") return [];
  return visibleLines(next)
    .split("\n")
    .map((line, index) => (index === 0 ? `  next: ${line}` : `        ${line}`));
}

const MOST_CAUSES = 5;

function causeLines(cause: unknown): string[] {
  const lines: string[] = [];
  for (let current = cause; current !== undefined && lines.length < MOST_CAUSES;) {
    lines.push(`  because: ${visible(messageOf(current))}`);
    current = current instanceof Error ? current.cause : undefined;
  }
  return lines;
}

function stackLines(error: unknown): string[] {
  if (!(error instanceof Error) || error.stack === undefined) return [];
  const frames = error.stack.split("\n").filter((line) => /^\s+at /.test(line));
  return [...frames.map((line) => `  ${visible(line.trim())}`), ...causeLines(error.cause)];
}

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message === "" ? error.name : error.message;
  return String(error);
}
