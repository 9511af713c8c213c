/** Where a reader gets its sources from, again and again: files opened anew, and what comes once by way of its copy. */
import type { Readable } from "node:stream";
import { STDIN } from "./inputs.ts";
import type { RemoteParts, RemoteSource } from "./remote/open-remote.ts";
import { openSourceText, type SourceText } from "./source-text.ts";
import type { Spooled } from "./spool.ts";

/** So long the end of a list is waited for, to say what it holds before it is sent. */
const AWAITED_MS = 10_000;

export interface SourceEnvironment {
  stdin: Readable & Partial<Pick<Spooled, "wholeWithin">>;
  /** Standard input once more, where it was kept; undefined: it can be read once. */
  stdinAgain?: () => Readable;
  /** What it takes to read addresses; undefined: there can be none. */
  remote?: RemoteParts;
}

/** Sources whose bytes come once: of addresses there is a copy. */
export interface OneTime {
  pipes: ReadonlySet<string>;
  remotes: ReadonlyMap<string, RemoteSource>;
}

export class SourceSupply {
  readBytes = 0;
  readonly #once: OneTime;
  readonly #environment: SourceEnvironment;
  readonly #form: { format: string; columns: readonly string[] };
  #stdinReads = 0;
  /** Standard input, pipes and answers that were looked at, and not read further. */
  readonly #lookedAt = new Map<string, SourceText>();

  /** `columns`: those that the user chose. */
  constructor(
    once: OneTime,
    environment: SourceEnvironment,
    form: { format: string; columns: readonly string[] },
  ) {
    this.#once = once;
    this.#environment = environment;
    this.#form = form;
  }

  /** What was put back is handed out first. Throws what opening throws. */
  async open(name: string, signal: AbortSignal): Promise<SourceText> {
    const lookedAt = this.#lookedAt.get(name);
    this.#lookedAt.delete(name);
    return lookedAt ?? this.#openAnew(name, signal);
  }

  /** Takes back what was opened and not read, if it comes once; else closes it. */
  async putBack(name: string, source: SourceText): Promise<void> {
    if (this.#isOneTime(name)) this.#lookedAt.set(name, source);
    else await source.close();
  }

  /** The source once more, if all of it is there, or soon will be. */
  async whole(name: string, signal: AbortSignal): Promise<SourceText | undefined> {
    if (!this.isReadAgain(name)) return undefined;
    const kept = name === STDIN ? this.#environment.stdin : this.#once.remotes.get(name)?.copy;
    const isWhole = !this.#isOneTime(name) || (await kept?.wholeWithin?.(AWAITED_MS, signal)) === true;
    return isWhole ? this.#openAnew(name, signal) : undefined;
  }

  /** Whether it can be read a second time. */
  isReadAgain(name: string): boolean {
    const isKept =
      this.#once.remotes.has(name) || (name === STDIN && this.#environment.stdinAgain !== undefined);
    return isKept || !this.#isOneTime(name);
  }

  /** What a person should know of how it was got. */
  warnings(name: string): Iterable<string> {
    return this.#once.remotes.get(name)?.warnings ?? [];
  }

  /** Closes what was put back. */
  async close(): Promise<void> {
    for (const source of this.#lookedAt.values()) await source.close();
    this.#lookedAt.clear();
  }

  /** Whether its bytes come once. */
  #isOneTime(name: string): boolean {
    return name === STDIN || this.#once.pipes.has(name) || this.#once.remotes.has(name);
  }

  async #openAnew(name: string, signal: AbortSignal): Promise<SourceText> {
    const { stdin, stdinAgain } = this.#environment;
    return openSourceText(
      {
        name,
        ...this.#form,
        remote: this.#once.remotes.get(name),
        stdin: () => {
          this.#stdinReads += 1;
          return this.#stdinReads === 1 || stdinAgain === undefined ? stdin : stdinAgain();
        },
        onBytes: (bytes) => (this.readBytes += bytes),
      },
      signal,
    );
  }
}
