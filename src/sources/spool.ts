/**
 * A copy of standard input on disk, which can be read again. The copy is made as fast as the input comes, however slowly
 * its rows are sent; what reads the rows reads the copy behind it. It bears its final name once it holds all.
 */
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { TraceloadError } from "../core/errors.ts";
import { trueWithin } from "./true-within.ts";

const PARTIAL = ".partial";
const CHUNK_BYTES = 32 * 1024;
/** A Ctrl-C ends the program before the pipe, too: its end of input then comes just before the signal does. */
const END_OF_INPUT_MS = 100;
const ONLY_OWNER = { directory: 0o700, file: 0o600 } as const;

export interface Spooled extends Readable {
  /** Resolves with whether all of the input is in the copy; waits for it so long. Nothing comes before it is read. */
  wholeWithin(ms: number, signal: AbortSignal): Promise<boolean>;
}

/**
 * The bytes of `input`, by way of the file. Nothing is touched before it is read. Once `stop` aborts, the copy is not
 * called whole any more. A disk that refuses ends the stream with `source_unreadable`. Destroying it ends the input.
 */
export function spooled(input: Readable, file: string, stop: AbortSignal): Spooled {
  return new SpooledInput(input, file, stop);
}

class SpooledInput extends Readable implements Spooled {
  readonly #input: Readable;
  readonly #file: string;
  readonly #stop: AbortSignal;
  #copy: Promise<FileHandle> | undefined;
  readonly #whole = Promise.withResolvers<boolean>();
  #written = 0;
  #at = 0;
  #ended = false;
  #wanted = false;
  #pumping = false;

  constructor(input: Readable, file: string, stop: AbortSignal) {
    super();
    this.#input = input;
    this.#file = file;
    this.#stop = stop;
  }

  wholeWithin(ms: number, signal: AbortSignal): Promise<boolean> {
    return trueWithin(this.#whole.promise, ms, signal);
  }

  override _read(): void {
    this.#wanted = true;
    if (this.#copy === undefined) {
      this.#copy = openCopy(this.#file);
      void this.#copyAll(this.#copy);
    }
    void this.#pump(this.#copy);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // Whoever stops reading ends the copying: the rest of the input is nobody's any more.
    this.#input.destroy();
    this.#whole.resolve(false);
    void this.#closeCopy();
    callback(error);
  }

  async #closeCopy(): Promise<void> {
    try {
      await (await this.#copy)?.close();
    } catch {
      // It could not be opened, which was told already; or closed, and then nobody needs it any more.
    }
  }

  async #copyAll(opened: Promise<FileHandle>): Promise<void> {
    try {
      const copy = await opened;
      for await (const chunk of this.#input) {
        const bytes = Buffer.from(chunk as Uint8Array);
        await onDisk(this.#file, () => copy.appendFile(bytes));
        this.#written += bytes.length;
        void this.#pump(opened);
      }
      await delay(END_OF_INPUT_MS);
      const isWhole = !this.#stop.aborted && !this.destroyed;
      if (isWhole) await finish(copy, this.#file);
      this.#whole.resolve(isWhole);
      this.#ended = true;
      void this.#pump(opened);
    } catch (error) {
      if (!this.destroyed) this.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Hands on what is there, if it is asked for. */
  async #pump(opened: Promise<FileHandle>): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      const copy = await opened;
      if (!this.#wanted || this.destroyed) return;
      const left = this.#written - this.#at;
      if (left > 0) {
        const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, left));
        const { bytesRead } = await onDisk(this.#file, () => copy.read(buffer, 0, buffer.length, this.#at));
        this.#at += bytesRead;
        this.#give(buffer.subarray(0, bytesRead));
      } else if (this.#ended) {
        this.#give(null);
      }
    } catch (error) {
      if (!this.destroyed) this.destroy(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#pumping = false;
    }
    // Asked for again while this was under way: that call found it busy.
    if (this.#wanted && (this.#ended || this.#at < this.#written)) void this.#pump(opened);
  }

  #give(bytes: Buffer | null): void {
    this.#wanted = false;
    this.push(bytes);
  }
}

function openCopy(file: string): Promise<FileHandle> {
  return onDisk(file, async () => {
    await mkdir(path.dirname(file), { recursive: true, mode: ONLY_OWNER.directory });
    return open(file + PARTIAL, "w+", ONLY_OWNER.file);
  });
}

async function finish(copy: FileHandle, file: string): Promise<void> {
  await onDisk(file, async () => {
    await copy.sync();
    await rename(file + PARTIAL, file);
  });
}

/** Whether the copy holds all of the input. Where there is none, or only a part, it says so as a fault. */
export async function openSpool(file: string): Promise<void> {
  for (const [name, problem] of [
    [file, undefined],
    [file + PARTIAL, "standard input had not been read to its end when the run stopped"],
  ] as const) {
    const found = await open(name).catch(() => undefined);
    await found?.close();
    if (found === undefined) continue;
    if (problem === undefined) return;
    throw new TraceloadError("source_not_found", `${problem}, and cannot be read again`, {
      next: "import the whole of it again: rows that were added are not sent again",
    });
  }
  throw new TraceloadError("source_not_found", `${file}, the copy of standard input, does not exist`, {
    next: "import it again: rows that were added are not sent again",
  });
}

/** Forgets the copy of a run's standard input, whole or not. Without one it does nothing. */
export async function removeSpool(file: string): Promise<void> {
  await rm(file, { force: true });
  await rm(file + PARTIAL, { force: true });
}

async function onDisk<T>(file: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TraceloadError("source_unreadable", `no copy of standard input can be kept: ${reason}`, {
      next: `make room for ${path.dirname(file)}, or save the input to a file and import that`,
      cause: error,
    });
  }
}
