/** Asks a person before something is done that cannot be taken back. */
import { createInterface } from "node:readline/promises";
import type { Readable, Writable } from "node:stream";
import { TraceloadError } from "../core/errors.ts";
import { visibleLines } from "./show/escape.ts";

export interface Asking {
  input: Readable & { isTTY?: boolean };
  output: Writable & { isTTY?: boolean };
  /** The person said so beforehand. */
  yes: boolean;
  signal: AbortSignal;
}

/**
 * Whether to go on: `y` or `yes`; all else, the end of the input too, is no. Throws `wrong_usage` where nobody can be
 * asked. An aborted signal rejects.
 */
export async function confirm(question: string, { input, output, yes, signal }: Asking): Promise<boolean> {
  if (yes) return true;
  if (input.isTTY !== true || output.isTTY !== true) {
    throw new TraceloadError("wrong_usage", `${question} There is no terminal to ask on`, {
      next: "the same command with --yes, if that is what is meant",
    });
  }
  // In raw mode Ctrl-C would be a key and not a signal.
  const lines = createInterface({ input, output, terminal: false });
  try {
    const ended = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
    const answer = await Promise.race([
      lines.question(`${visibleLines(question)} [y/N] `, { signal }),
      ended,
    ]);
    return /^y(?:es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
