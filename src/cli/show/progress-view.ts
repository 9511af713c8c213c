/** The running progress on standard error, in the way that was asked for. */
import type { Clock } from "../../core/clock.ts";
import { LineView } from "./line-view.ts";
import { LiveView } from "./live-view.ts";
import type { ProgressState } from "./progress.ts";

export const PROGRESS_MODES = ["auto", "bar", "text", "json", "none"] as const;
export type ProgressMode = (typeof PROGRESS_MODES)[number];

export interface ProgressView {
  /** Prints a warning or a log line without breaking the progress. Text from outside must be made visible before. */
  note(text: string): void;
  /**
   * Stops drawing and gives the terminal back. The last frame is wiped, or left standing with `keep`. Repeating it
   * does nothing. After it, notes are still printed.
   */
  close(options?: { keep?: boolean }): void;
}

export interface ProgressViewOptions {
  mode: ProgressMode;
  /** Standard error. */
  stream: TerminalStream;
  clock: Clock;
  color: boolean;
  /** Asked at each drawing; undefined while there is nothing to show yet. */
  read: () => ProgressState | undefined;
}

/** What is used of a `tty.WriteStream`; a pipe has no columns and is no TTY. */
export interface TerminalStream extends NodeJS.WritableStream {
  isTTY?: boolean;
  columns?: number;
  rows?: number;
}

export function openProgressView(options: ProgressViewOptions): ProgressView {
  const mode = resolveMode(options.mode, options.stream);
  switch (mode) {
    case "bar":
      return new LiveView(options);
    case "text":
    case "json":
    case "none":
      return new LineView({ ...options, mode });
    default:
      return mode satisfies never;
  }
}

/** `auto` draws on a terminal and writes lines anywhere else; a bar needs a terminal, whoever asks for it. */
function resolveMode(mode: ProgressMode, stream: TerminalStream): Exclude<ProgressMode, "auto"> {
  if (mode !== "auto" && mode !== "bar") return mode;
  return stream.isTTY === true ? "bar" : "text";
}
