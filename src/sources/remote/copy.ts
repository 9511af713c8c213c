/**
 * What a server answered, as a file that can be read again. It is written as fast as it comes, however slowly its rows
 * are sent, and asked for once: whoever reads it, and however often, reads the same bytes and meets the same fault.
 */
import { type FileHandle, mkdir, open, rename, stat } from "node:fs/promises";
import path from "node:path";
import { TraceloadError } from "../../core/errors.ts";
import { trueWithin } from "../true-within.ts";

const PARTIAL = ".partial";
const CHUNK_BYTES = 32 * 1024;
const ONLY_OWNER = { directory: 0o700, file: 0o600 } as const;

export interface CopyOptions {
  /** What messages call the source. */
  name: string;
  /** Where the copy is; one that is there already and whole is taken as it is. */
  file: string;
  maxBytes: number;
  /** Asks, once. Throws TraceloadErrors. */
  fetch: (signal: AbortSignal) => AsyncIterable<Buffer>;
}

type End = { kind: "whole" } | { kind: "fault"; error: unknown };

export class RemoteCopy {
  readonly #options: CopyOptions;
  readonly #stop = new AbortController();
  #place: string;
  #started: Promise<void> | undefined;
  #written = 0;
  #end: End | undefined;
  readonly #isWhole = Promise.withResolvers<boolean>();
  #wake: (() => void)[] = [];

  constructor(options: CopyOptions) {
    this.#options = options;
    this.#place = options.file;
  }

  /** All bytes, as far as they came; then the fault, if there was one. The signal ends the asking, too. */
  async *chunks(signal: AbortSignal): AsyncGenerator<Buffer> {
    signal.throwIfAborted();
    const stop = (): void => this.stop();
    signal.addEventListener("abort", stop, { once: true });
    let file: FileHandle | undefined;
    try {
      await (this.#started ??= this.#start());
      // It may get its final name in between.
      file = await this.#onDisk(() => open(this.#place).catch(() => open(this.#options.file)));
      for (let at = 0; ;) {
        signal.throwIfAborted();
        const end = this.#end;
        const left = this.#written - at;
        if (left > 0) {
          const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, left));
          const reading = file;
          const { bytesRead } = await this.#onDisk(() => reading.read(buffer, 0, buffer.length, at));
          if (bytesRead === 0) throw this.#cutShort();
          at += bytesRead;
          yield buffer.subarray(0, bytesRead);
        } else if (end?.kind === "whole") {
          return;
        } else if (end?.kind === "fault") {
          throw end.error;
        } else {
          await new Promise<void>((resolve) => this.#wake.push(resolve));
        }
      }
    } finally {
      signal.removeEventListener("abort", stop);
      await file?.close();
    }
  }

  /** Whether the answer begins with that text, of ASCII. Throws like `chunks`, where nothing of it came. */
  async beginsAs(text: string, signal: AbortSignal): Promise<boolean> {
    let head = "";
    for await (const chunk of this.chunks(signal)) {
      head += chunk.toString("latin1");
      if (head.length >= text.length) break;
    }
    return head.startsWith(text);
  }

  /** Resolves with the file's name once it holds all. Throws like `chunks`. */
  async whole(signal: AbortSignal): Promise<string> {
    for await (const chunk of this.chunks(signal)) void chunk;
    return this.#place;
  }

  /** Resolves with whether all is there; waits for it so long. Nothing comes before it is read. */
  wholeWithin(ms: number, signal: AbortSignal): Promise<boolean> {
    return trueWithin(this.#isWhole.promise, ms, signal);
  }

  /** Ends the asking: nobody reads further. What is there can still be read. */
  stop(): void {
    this.#stop.abort();
    this.#wakeAll();
  }

  async #start(): Promise<void> {
    const { file } = this.#options;
    const before = await stat(file).catch(() => undefined);
    if (before?.isFile() === true) {
      this.#written = before.size;
      this.#finish({ kind: "whole" });
      return;
    }
    this.#place = file + PARTIAL;
    const copy = await this.#onDisk(async () => {
      await mkdir(path.dirname(file), { recursive: true, mode: ONLY_OWNER.directory });
      return open(this.#place, "w", ONLY_OWNER.file);
    });
    void this.#copyAll(copy).then((end) => this.#finish(end));
  }

  #finish(end: End): void {
    this.#end = end;
    this.#isWhole.resolve(end.kind === "whole");
    this.#wakeAll();
  }

  async #copyAll(copy: FileHandle): Promise<End> {
    const { fetch, maxBytes, name, file } = this.#options;
    try {
      for await (const chunk of fetch(this.#stop.signal)) {
        if (this.#stop.signal.aborted) throw this.#cutShort();
        if (this.#written + chunk.length > maxBytes) throw tooLarge(name, maxBytes);
        await this.#onDisk(() => copy.appendFile(chunk));
        this.#written += chunk.length;
        this.#wakeAll();
      }
      if (this.#stop.signal.aborted) throw this.#cutShort();
      await this.#onDisk(async () => {
        await copy.sync();
        await rename(this.#place, file);
      });
      this.#place = file;
      return { kind: "whole" };
    } catch (error) {
      return { kind: "fault", error: this.#stop.signal.aborted ? this.#cutShort() : error };
    } finally {
      await copy.close();
    }
  }

  #wakeAll(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }

  #cutShort(): TraceloadError {
    return new TraceloadError(
      "source_unreadable",
      `${this.#options.name}: the answer was not read to its end before, and another may differ`,
      { next: "Type the same command again: rows that were added are not sent again." },
    );
  }

  async #onDisk<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new TraceloadError(
        "source_unreadable",
        `no copy of ${this.#options.name} can be kept: ${reason}`,
        {
          next: `Make room for ${path.dirname(this.#options.file)}, or save the answer to a file and import that.`,
          cause: error,
        },
      );
    }
  }
}

export function tooLarge(name: string, maxBytes: number, unpacked = ""): TraceloadError {
  return new TraceloadError(
    "source_too_large",
    `${name} holds more than ${maxBytes} bytes${unpacked}; rows up to there were read`,
    { next: "Ask for less at a time, or allow more: --max-source-size 20GiB" },
  );
}

/** The chunks, as long as they stay within the limit. Throws `source_too_large`. */
export async function* withinLimit(
  chunks: AsyncIterable<Buffer>,
  name: string,
  maxBytes: number,
): AsyncGenerator<Buffer> {
  let seen = 0;
  for await (const chunk of chunks) {
    seen += chunk.length;
    if (seen > maxBytes) throw tooLarge(name, maxBytes, " once it is unpacked");
    yield chunk;
  }
}
