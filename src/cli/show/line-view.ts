/** Progress for pipes and log files: one plain line, or one JSON object, every few seconds. */
import { printableJson } from "../../report/rows-text.ts";
import { progressObject, renderProgressLine } from "./progress.ts";
import type { ProgressView, ProgressViewOptions } from "./progress-view.ts";

const EVERY_MS = 5_000;

export interface LineViewOptions extends Omit<ProgressViewOptions, "mode"> {
  mode: "text" | "json" | "none";
}

export class LineView implements ProgressView {
  readonly #options: LineViewOptions;
  readonly #closed = new AbortController();

  constructor(options: LineViewOptions) {
    this.#options = options;
    if (options.mode !== "none") void this.#writeLines();
  }

  note(text: string): void {
    this.#write(this.#options.mode === "json" ? printableJson({ type: "note", message: text }) : text);
  }

  close(): void {
    this.#closed.abort();
  }

  async #writeLines(): Promise<void> {
    const { clock, mode, read } = this.#options;
    while (await slept(clock.sleep(EVERY_MS, this.#closed.signal))) {
      const state = read();
      if (state === undefined) continue;
      this.#write(mode === "json" ? printableJson(progressObject(state)) : renderProgressLine(state));
    }
  }

  #write(line: string): void {
    this.#options.stream.write(`${line}\n`);
  }
}

/** `false` once the sleep was cut short: the view is closed. */
export async function slept(sleep: Promise<void>): Promise<boolean> {
  return sleep.then(
    () => true,
    () => false,
  );
}
