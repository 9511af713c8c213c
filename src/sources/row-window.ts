/** Which rows of all sources `--skip` and `--limit` leave: some at each source's beginning are left out, and all behind the last. */
import type { SourceOptions, SourceRow } from "../core/source.ts";

export class RowWindow {
  readonly #skip: number;
  #toSkip = 0;
  #left: number;
  #looked = 0;

  constructor({ skip, limit = Infinity }: Pick<SourceOptions, "skip" | "limit">) {
    this.#skip = skip;
    this.#left = limit;
  }

  /** Whether no further row is wanted. */
  get isOver(): boolean {
    return this.#left <= 0;
  }

  /** Rows of the source up to the last that was wanted. */
  get looked(): number {
    return this.#looked;
  }

  /** To be called before a source's first rows. */
  nextSource(): void {
    this.#toSkip = this.#skip;
    this.#looked = 0;
  }

  take(rows: readonly SourceRow[]): SourceRow[] {
    const wanted = rows.slice(this.#toSkip, this.#toSkip + this.#left);
    this.#looked += Math.min(rows.length, this.#toSkip + wanted.length);
    this.#toSkip = Math.max(0, this.#toSkip - rows.length);
    this.#left -= wanted.length;
    return wanted;
  }
}
