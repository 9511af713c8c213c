/**
 * Tells which records are the first of their trace, and of their span: exactly, whatever their number, in bounded
 * memory. Records are noted in order; past a bound they go to files, by parts of which each fits into memory.
 */
import { hash } from "node:crypto";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { TraceloadError } from "../core/errors.ts";

/** One bit for each record. */
export interface RecordSet {
  has(record: number): boolean;
  /** How many there are from `from` up to, but not including, `to`. */
  count(from: number, to: number): number;
}

export interface DistinctRecords {
  firstOfTrace: RecordSet;
  /** The first of each pair of trace and span; a trace without a span is a pair, too. */
  firstOfSpan: RecordSet;
  /** Those of them that name a span. */
  namedSpans: RecordSet;
}

/** Half of a SHA-256 for the trace, half of one for trace and span, and the record's number. */
const NOTE_BYTES = 16 + 16 + 8;
/** Stands for the second where there is no span. */
const NO_SPAN = "\0".repeat(16);
/** What is held before it is written out: 2 MB. */
const HELD_NOTES = 50_000;
const PARTS = 256;

/** The disk does not take what memory does not. A fault of this machine and of no source. */
export class NotesNotKept extends TraceloadError {
  constructor(reason: string, cause: unknown) {
    super("source_unreadable", `what tells distinct traces apart cannot be kept on disk: ${reason}`, {
      next: `make room for ${tmpdir()}, or name another directory: TMPDIR=/large traceload import …`,
      cause,
    });
  }
}

export class DistinctNotes {
  readonly #heldNotes: number;
  #records = 0;
  readonly #parts = Array.from({ length: PARTS }, () => new Part());
  #held = 0;
  #directory: string | undefined;
  #fault: NotesNotKept | undefined;

  constructor(heldNotes = HELD_NOTES) {
    this.#heldNotes = heldNotes;
  }

  /** Records noted so far. */
  get records(): number {
    return this.#records;
  }

  /** Whether all could be noted. */
  get isKept(): boolean {
    return this.#fault === undefined;
  }

  /** The records are numbered from 0 in the order of these calls. Throws `NotesNotKept`, and from then on always. */
  add(traceId: string, spanId: string): void {
    if (this.#fault !== undefined) throw this.#fault;
    const trace = hash("sha256", traceId, "binary").slice(0, 16);
    const span =
      spanId === ""
        ? NO_SPAN
        : hash("sha256", `${traceId.length}:${traceId}${spanId}`, "binary").slice(0, 16);
    // A trace's records are all in one part, and so are a span's.
    this.#parts[trace.charCodeAt(0)]?.add(trace + span, this.#records);
    this.#records += 1;
    this.#held += 1;
    if (this.#held >= this.#heldNotes) this.#writeOut();
  }

  /** To be called once; removes the files. Throws like `add`. */
  finish(): DistinctRecords {
    if (this.#fault !== undefined) throw this.#fault;
    const firstOfTrace = new Bits(this.#records);
    const firstOfSpan = new Bits(this.#records);
    const namedSpans = new Bits(this.#records);
    try {
      for (const part of this.#parts) {
        const seenTraces = new Set<string>();
        const seenSpans = new Set<string>();
        for (const notes of part.take()) {
          for (let at = 0; at < notes.length; at += NOTE_BYTES) {
            const trace = notes.toString("latin1", at, at + 16);
            const span = notes.toString("latin1", at + 16, at + 32);
            const record = notes.readDoubleLE(at + 32);
            const pair = span === NO_SPAN ? trace : span;
            if (!seenTraces.has(trace)) firstOfTrace.add(record);
            if (!seenSpans.has(pair)) {
              firstOfSpan.add(record);
              if (span !== NO_SPAN) namedSpans.add(record);
            }
            seenTraces.add(trace);
            seenSpans.add(pair);
          }
        }
      }
    } finally {
      this.close();
    }
    return { firstOfTrace, firstOfSpan, namedSpans };
  }

  /** Safe to repeat. */
  close(): void {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
    this.#directory = undefined;
  }

  #writeOut(): void {
    try {
      this.#directory ??= mkdtempSync(path.join(tmpdir(), "traceload-distinct-"));
      for (const [index, part] of this.#parts.entries())
        part.writeTo(path.join(this.#directory, String(index)));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw (this.#fault = new NotesNotKept(reason, error));
    }
    this.#held = 0;
  }
}

/** Notes whose traces' hashes begin alike. */
class Part {
  #notes = Buffer.alloc(0);
  #bytes = 0;
  #file: string | undefined;

  add(hashes: string, record: number): void {
    if (this.#bytes === this.#notes.length) {
      this.#notes = Buffer.concat([this.#notes, Buffer.alloc(Math.max(64 * NOTE_BYTES, this.#notes.length))]);
    }
    this.#notes.write(hashes, this.#bytes, "latin1");
    this.#notes.writeDoubleLE(record, this.#bytes + 32);
    this.#bytes += NOTE_BYTES;
  }

  writeTo(file: string): void {
    if (this.#bytes === 0) return;
    this.#file = file;
    appendFileSync(file, this.#notes.subarray(0, this.#bytes), { mode: 0o600 });
    this.#bytes = 0;
  }

  /** All notes, in order; the part is empty then. */
  take(): Buffer[] {
    const held = this.#notes.subarray(0, this.#bytes);
    this.#notes = Buffer.alloc(0);
    this.#bytes = 0;
    return this.#file === undefined ? [held] : [readFileSync(this.#file), held];
  }
}

class Bits implements RecordSet {
  readonly #bytes: Uint8Array;

  constructor(size: number) {
    this.#bytes = new Uint8Array(Math.ceil(size / 8));
  }

  add(index: number): void {
    const byte = Math.floor(index / 8);
    this.#bytes[byte] = (this.#bytes[byte] ?? 0) | (1 << (index % 8));
  }

  count(from: number, to: number): number {
    let count = 0;
    for (let index = from; index < to; index += 1) if (this.has(index)) count += 1;
    return count;
  }

  has(index: number): boolean {
    return ((this.#bytes[Math.floor(index / 8)] ?? 0) & (1 << (index % 8))) !== 0;
  }
}
