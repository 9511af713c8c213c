/** Progress on a terminal, redrawn in place. */
import { createLogUpdate } from "log-update";
import { displayWidth } from "./layout.ts";
import { slept } from "./line-view.ts";
import { renderProgress } from "./progress.ts";
import type { ProgressView, ProgressViewOptions, TerminalStream } from "./progress-view.ts";

const EVERY_MS = 100;
const DEFAULT_COLUMNS = 80;
const HIDE_CURSOR = "\u001B[?25l";
const SHOW_CURSOR = "\u001B[?25h";

export class LiveView implements ProgressView {
  readonly #stream: TerminalStream;
  readonly #options: Omit<ProgressViewOptions, "mode">;
  readonly #closed = new AbortController();
  readonly #frame: ReturnType<typeof createLogUpdate>;
  /** Widths of the lines that stand on the screen. */
  #drawn: number[] = [];
  readonly #onResize = (): void => {
    this.#wipeReflowed();
    this.#draw();
  };
  /** However the process ends, the cursor comes back. */
  readonly #onExit = (): void => {
    this.#stream.write(SHOW_CURSOR);
  };

  constructor(options: Omit<ProgressViewOptions, "mode">) {
    this.#options = options;
    this.#stream = options.stream;
    this.#frame = createLogUpdate(this.#stream, { showCursor: true, defaultWidth: DEFAULT_COLUMNS });
    this.#stream.write(HIDE_CURSOR);
    this.#stream.on("resize", this.#onResize);
    process.once("exit", this.#onExit);
    void this.#redraw();
  }

  note(text: string): void {
    if (this.#closed.signal.aborted) {
      this.#stream.write(`${text}\n`);
      return;
    }
    this.#frame.persist(text);
    this.#drawn = [];
    this.#draw();
  }

  close({ keep = false }: { keep?: boolean } = {}): void {
    if (this.#closed.signal.aborted) return;
    if (keep) this.#draw();
    this.#closed.abort();
    this.#stream.off("resize", this.#onResize);
    process.off("exit", this.#onExit);
    if (keep) this.#frame.done();
    else this.#frame.clear();
    this.#stream.write(SHOW_CURSOR);
  }

  async #redraw(): Promise<void> {
    do this.#draw();
    while (await slept(this.#options.clock.sleep(EVERY_MS, this.#closed.signal)));
  }

  #draw(): void {
    if (this.#closed.signal.aborted) return;
    const state = this.#options.read();
    if (state === undefined) return;
    const columns = this.#stream.columns ?? DEFAULT_COLUMNS;
    const lines = renderProgress(state, { columns, color: this.#options.color });
    this.#frame(lines.join("\n"));
    this.#drawn = renderProgress(state, { columns, color: false }).map(displayWidth);
  }

  /**
   * A terminal that became narrower has wrapped the old lines, so more of them stand there than were written;
   * log-update would wipe too few.
   */
  #wipeReflowed(): void {
    const columns = this.#stream.columns ?? DEFAULT_COLUMNS;
    const rows = this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
    if (rows === 0) return;
    this.#stream.write(`\r\u001B[${rows}A\u001B[J`);
    this.#frame.done();
    this.#drawn = [];
  }
}
