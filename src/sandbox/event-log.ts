/**
 * The file of a sandbox's record: lines appended in batches, read back by place, followed while others append too.
 *
 * Several sandboxes may run on one file. Each appends with O_APPEND, so the file has one order of lines, and each
 * replays all lines in that order: they agree without a lock.
 */
import { closeSync, fstatSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { TraceloadError } from "../core/errors.ts";
import { isHeader, LOG_HEADER, type LogEvent, parseLogEvent } from "./log-event.ts";

const CHUNK_BYTES = 1 << 20;
const NEWLINE = 0x0a;

export interface LoggedEvent {
  event: LogEvent;
  /** Byte at which its line starts. */
  offset: number;
}

export class EventLog {
  readonly file: string;
  readonly #fd: number;
  readonly #remove: () => void;
  readonly #replay: (logged: LoggedEvent) => void;
  #pending: { event: LogEvent; line: string }[] = [];
  #waiting: ((error: Error | undefined) => void)[] = [];
  /** Up to where the file has been replayed. */
  #end = 0;
  #flushScheduled = false;
  /** The last write broke off, perhaps within a line. */
  #torn = false;
  #closed = false;

  /** `file` undefined: a private file, removed on close. `replay` hears every event once, in the file's order. */
  constructor(file: string | undefined, replay: (logged: LoggedEvent) => void) {
    this.#replay = replay;
    if (file === undefined) {
      const directory = mkdtempSync(join(tmpdir(), "traceload-sandbox-"));
      this.file = join(directory, "record.ndjson");
      this.#remove = () => rmSync(directory, { recursive: true, force: true });
    } else {
      this.file = file;
      this.#remove = () => {};
    }
    this.#fd = openRecord(this.file);
    try {
      this.#begin();
    } catch (error) {
      closeSync(this.#fd);
      this.#remove();
      throw error;
    }
  }

  #begin(): void {
    if (fstatSync(this.#fd).size === 0) writeAll(this.#fd, Buffer.from(`${JSON.stringify(LOG_HEADER)}\n`));
    const head = readText(this.#fd, 0, 256);
    if (!isHeader(head.slice(0, Math.max(0, head.indexOf("\n"))))) {
      throw new TraceloadError("store_damaged", `${this.file} is not the record of a sandbox`, {
        next: "Name another file for the record, or remove this one.",
      });
    }
    const size = fstatSync(this.#fd).size;
    // A line that a crash cut short is closed, so that the next one does not run into it.
    if (readText(this.#fd, size - 1, 1) !== "\n") writeAll(this.#fd, Buffer.from("\n"));
    this.#follow();
  }

  /** Takes the event for the next write, which comes within this turn of the event loop. Not replayed before. */
  append(event: LogEvent): void {
    this.#pending.push({ event, line: `${JSON.stringify(event)}\n` });
    this.#schedule();
  }

  /** Replays what others wrote. Between appending and writing it does nothing, so a batch costs one look. */
  catchUp(): void {
    if (this.#pending.length === 0) this.#follow();
  }

  /** Calls back when all that was appended so far is in the file, or could not be written. */
  afterFlush(callback: (error: Error | undefined) => void): void {
    this.#waiting.push(callback);
    this.#schedule();
  }

  /** Writes what was appended, replays it and what others wrote before it, then calls those who wait. */
  flush(): void {
    const waiting = this.#waiting;
    const pending = this.#pending;
    this.#waiting = [];
    this.#pending = [];
    let failure: Error | undefined;
    try {
      if (pending.length > 0) this.#write(pending);
      this.#follow();
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    for (const callback of waiting) callback(failure);
    if (failure !== undefined && waiting.length === 0) throw failure;
  }

  /** The event whose line starts at `offset`. */
  readAt(offset: number): LogEvent {
    for (let bytes = 1024; bytes <= 1 << 24; bytes *= 8) {
      const text = readBytes(this.#fd, offset, bytes);
      const newline = text.indexOf(NEWLINE);
      const event = newline === -1 ? undefined : parseLogEvent(text.toString("utf8", 0, newline));
      if (event !== undefined) return event;
    }
    throw new TraceloadError("store_damaged", `${this.file} holds no event at byte ${offset}`);
  }

  /** All events from `offset` on, up to where the file ends now. */
  *events(offset = 0): Generator<LoggedEvent> {
    const end = this.#end;
    for (const { line, start } of this.#lines(offset, end)) {
      const event = parseLogEvent(line);
      if (event !== undefined) yield { event, offset: start };
    }
  }

  close(): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    closeSync(this.#fd);
    this.#remove();
  }

  #schedule(): void {
    if (this.#flushScheduled || this.#closed) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      if (!this.#closed) this.flush();
    });
  }

  #write(pending: { event: LogEvent; line: string }[]): void {
    const text = pending.map(({ line }) => line).join("");
    const block = Buffer.from(text);
    const mended = this.#torn;
    this.#torn = true;
    if (mended) writeAll(this.#fd, Buffer.from("\n"));
    writeAll(this.#fd, block);
    this.#torn = false;
    // Somebody else's lines in between: read the stretch back instead, in the order of the file.
    if (fstatSync(this.#fd).size !== this.#end + block.length) return;
    const ascii = block.length === text.length;
    for (const { event, line } of pending) {
      const offset = this.#end;
      this.#end += ascii ? line.length : Buffer.byteLength(line);
      this.#replay({ event, offset });
    }
  }

  #follow(): void {
    const size = fstatSync(this.#fd).size;
    if (size <= this.#end) return;
    for (const { line, start, next } of this.#lines(this.#end, size)) {
      this.#end = next;
      const event = parseLogEvent(line);
      if (event !== undefined) this.#replay({ event, offset: start });
    }
  }

  *#lines(from: number, to: number): Generator<{ line: string; start: number; next: number }> {
    let position = from;
    let bytes = CHUNK_BYTES;
    while (position < to) {
      const chunk = readBytes(this.#fd, position, Math.min(bytes, to - position));
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        yield {
          line: chunk.toString("utf8", start, end),
          start: position + start,
          next: position + end + 1,
        };
        start = end + 1;
      }
      if (start === 0 && chunk.length < bytes) return;
      // A line longer than the chunk: read it again, in a larger one.
      bytes = start === 0 ? bytes * 2 : CHUNK_BYTES;
      position += start;
    }
  }
}

function openRecord(file: string): number {
  try {
    mkdirSync(dirname(file), { recursive: true });
    return openSync(file, "a+", 0o600);
  } catch (error) {
    throw new TraceloadError("store_unreachable", `the sandbox's record ${file} cannot be opened`, {
      next: "Name a file that can be written.",
      cause: error,
    });
  }
}

function writeAll(fd: number, block: Buffer): void {
  for (let written = 0; written < block.length;) written += writeSync(fd, block, written);
}

function readBytes(fd: number, offset: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  let read = 0;
  while (read < bytes) {
    const count = readSync(fd, buffer, read, bytes - read, offset + read);
    if (count === 0) break;
    read += count;
  }
  return buffer.subarray(0, read);
}

function readText(fd: number, offset: number, bytes: number): string {
  return readBytes(fd, offset, bytes).toString("utf8");
}
