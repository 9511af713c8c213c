/**
 * Text to the cells of its records, through csv-parse's stream. Adds what the stream leaves open: the line a record
 * starts on, a limit on a record's length that does not end the file, and what becomes of a quote never closed.
 */
import { finished } from "node:stream/promises";
import { CsvError, Parser } from "csv-parse";
import { MAX_RECORD_CHARS } from "../record.ts";

export type CsvRecord =
  | { kind: "cells"; line: number; cells: string[] }
  | { kind: "too-long"; line: number }
  /** `text`: the line on which the quote opens. */
  | { kind: "open-quote"; line: number; text: string };

const NEWLINE = 10;
const RETURN = 13;
const QUOTE = 34;

/** Index behind the line end that starts at `at`; `at` itself where none does. */
function behindLineEnd(bytes: Buffer, at: number): number {
  if (bytes[at] === NEWLINE) return at + 1;
  if (bytes[at] === RETURN) return bytes[at + 1] === NEWLINE ? at + 2 : at + 1;
  return at;
}

function hasLineEnd(bytes: Buffer): boolean {
  return bytes.includes(NEWLINE) || bytes.includes(RETURN);
}

function countLineEnds(bytes: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at];
    if (byte === NEWLINE || (byte === RETURN && bytes[at + 1] !== NEWLINE)) count += 1;
  }
  return count;
}

/** Index behind the first line end outside quotes, or -1; `quoted` is carried from one piece to the next. */
function behindRecord(bytes: Buffer, state: { quoted: boolean }, quotes: boolean): number {
  if (!quotes) return hasLineEnd(bytes) ? behindLine(bytes) : -1;
  if (!bytes.includes(QUOTE) && (state.quoted || !hasLineEnd(bytes))) return -1;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) state.quoted = !state.quoted;
    else if (!state.quoted && (byte === NEWLINE || byte === RETURN)) return behindLineEnd(bytes, at);
  }
  return -1;
}

/** Index behind the first line end, quotes or not; the end of the bytes where there is none. */
function behindLine(bytes: Buffer): number {
  const end = bytes.findIndex((byte) => byte === NEWLINE || byte === RETURN);
  return end === -1 ? bytes.length : behindLineEnd(bytes, end);
}

export class CsvCells {
  readonly #delimiter: string;
  readonly #quotes: boolean;
  #parser: Parser;
  /** Complete records, with the parser's count of bytes at their end. */
  #parsed: { cells: string[]; end: number }[] = [];
  /** What the parser was given since the end of the last record, and its count of bytes there. */
  #held: Buffer = Buffer.alloc(0);
  #heldFrom = 0;
  #line = 1;
  /** Set while the rest of a record that is too long is thrown away. */
  #skipping: { line: number; quoted: boolean } | undefined;
  #columns: number | undefined;
  #return = "";

  /** `quotes`: cells may stand in quotes; else a quote is a character like others. */
  constructor(delimiter: string, { quotes = true }: { quotes?: boolean } = {}) {
    this.#delimiter = delimiter;
    this.#quotes = quotes;
    this.#parser = this.#newParser();
  }

  /** Takes more text; answers the records that are complete now. */
  async push(text: string): Promise<CsvRecord[]> {
    // A line end in two pieces would be counted twice.
    const split = text.endsWith("\r");
    const whole = this.#return + (split ? text.slice(0, -1) : text);
    this.#return = split ? "\r" : "";
    return this.#feed(Buffer.from(whole, "utf8"));
  }

  /** To be called when the text is at its end. `openQuote`: the line of a quote behind which nothing could be read. */
  async end(): Promise<{ records: CsvRecord[]; openQuote: number | undefined }> {
    const records = await this.#feed(Buffer.from(this.#return));
    while (this.#skipping === undefined) {
      const error = await this.#finish();
      this.#collect(records);
      if (error === undefined) return { records, openQuote: undefined };
      if (error.code !== "CSV_QUOTE_NOT_CLOSED") throw error;
      records.push(...(await this.#passOpenQuote()));
    }
    return { records, openQuote: this.#skipping.quoted ? this.#skipping.line : undefined };
  }

  #newParser(): Parser {
    this.#heldFrom = 0;
    this.#held = Buffer.alloc(0);
    const parser = new Parser({
      delimiter: this.#delimiter,
      quote: this.#quotes ? '"' : false,
      record_delimiter: ["\r\n", "\n", "\r"],
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      max_record_size: MAX_RECORD_CHARS,
      // Records are taken here and none is pushed, so that the stream never waits for a reader.
      on_record: (cells: string[], context) => {
        this.#parsed.push({ cells, end: context.bytes });
        return null;
      },
    });
    // Each error is answered where it was caused, by the write or the end.
    parser.on("error", () => {});
    return parser.resume();
  }

  async #feed(bytes: Buffer): Promise<CsvRecord[]> {
    const records: CsvRecord[] = [];
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#skipping !== undefined) {
        const end = behindRecord(rest, this.#skipping, this.#quotes);
        const skipped = end === -1 ? rest.length : end;
        if (hasLineEnd(rest)) this.#line += countLineEnds(rest, 0, skipped);
        rest = rest.subarray(skipped);
        if (end !== -1) this.#skipping = undefined;
        continue;
      }
      this.#held = this.#held.length === 0 ? rest : Buffer.concat([this.#held, rest]);
      const error = await this.#write(rest);
      this.#collect(records);
      if (error === undefined) break;
      if (error.code !== "CSV_MAX_RECORD_SIZE") throw error;
      rest = this.#held.subarray(this.#passBlankLines(0));
      records.push({ kind: "too-long", line: this.#line });
      this.#skipping = { line: this.#line, quoted: false };
      this.#parser = this.#newParser();
    }
    return records;
  }

  /**
   * The text ended inside quotes. Where the line behind the quote's own has as many cells as the table, the quote was
   * a stray one, and reading goes on there; else the file was cut off inside a cell, and what follows is that cell.
   */
  async #passOpenQuote(): Promise<CsvRecord[]> {
    const held = this.#held.subarray(this.#passBlankLines(0));
    const next = behindLine(held);
    const text = held.toString("utf8", 0, next).trimEnd();
    const record: CsvRecord = { kind: "open-quote", line: this.#line, text };
    const rest = held.subarray(next);
    const cells = rest.toString("utf8", 0, behindLine(rest)).split(this.#delimiter).length;
    this.#line += 1;
    this.#parser = this.#newParser();
    return cells === this.#columns ? [record, ...(await this.#feed(rest))] : [record];
  }

  #write(bytes: Buffer): Promise<CsvError | undefined> {
    return new Promise((resolve, reject) => {
      this.#parser.write(bytes, (error) => {
        if (error === null || error === undefined) resolve(undefined);
        else if (error instanceof CsvError) resolve(error);
        else reject(error);
      });
    });
  }

  async #finish(): Promise<CsvError | undefined> {
    this.#parser.end();
    try {
      await finished(this.#parser);
      return undefined;
    } catch (error) {
      if (error instanceof CsvError) return error;
      throw error;
    }
  }

  /** Index in `held` behind the blank lines at `from`; counts them. */
  #passBlankLines(from: number): number {
    let at = from;
    for (let next = behindLineEnd(this.#held, at); next > at; next = behindLineEnd(this.#held, at)) {
      this.#line += 1;
      at = next;
    }
    return at;
  }

  #collect(records: CsvRecord[]): void {
    let at = 0;
    for (const { cells, end } of this.#parsed) {
      const to = end - this.#heldFrom;
      at = this.#passBlankLines(at);
      records.push({ kind: "cells", line: this.#line, cells });
      this.#line += countLineEnds(this.#held, at, to);
      at = to;
    }
    this.#columns ??= this.#parsed[0]?.cells.length;
    this.#parsed = [];
    this.#held = this.#held.subarray(at);
    this.#heldFrom += at;
  }
}
