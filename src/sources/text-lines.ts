/** Cuts text that comes in pieces into lines at `\n`; a `\r` before it stays. Holds at most one line. */
import { MAX_RECORD_CHARS } from "./record.ts";

export interface TextLine {
  /** From 1. */
  line: number;
  /** Undefined: longer than `MAX_RECORD_CHARS`. */
  text: string | undefined;
  /** Whether a line end follows; only the last line can lack it. */
  ended: boolean;
}

export class TextLines {
  readonly #take: (line: TextLine) => void;
  #line = 1;
  /** Of the line that has not ended yet; nothing once it is too long. */
  #held = "";
  #heldChars = 0;

  /** `take` is told of each line as soon as it has ended. */
  constructor(take: (line: TextLine) => void) {
    this.#take = take;
  }

  push(chunk: string): void {
    let from = 0;
    for (let end = chunk.indexOf("\n"); end !== -1; end = chunk.indexOf("\n", from)) {
      this.#hold(chunk.slice(from, end));
      this.#end(true);
      from = end + 1;
    }
    if (from < chunk.length) this.#hold(chunk.slice(from));
  }

  /** To be called when the text is at its end. */
  end(): void {
    if (this.#heldChars > 0) this.#end(false);
  }

  #hold(part: string): void {
    const isFirst = this.#heldChars === 0;
    this.#heldChars += part.length;
    if (this.#heldChars > MAX_RECORD_CHARS) this.#held = "";
    else this.#held = isFirst ? part : this.#held + part;
  }

  #end(ended: boolean): void {
    const text = this.#heldChars > MAX_RECORD_CHARS ? undefined : this.#held;
    this.#take({ line: this.#line, text, ended });
    this.#line += 1;
    this.#held = "";
    this.#heldChars = 0;
  }
}
