/**
 * Text to the cells of its records, through csv-parse's stream. Adds what the stream leaves open: the line a record
 * starts on, a limit on a record's length that does not end the file, and what becomes of a quote never closed.
 */
import { finished } from "node:stream/promises";
import { CsvError, Parser } from "csv-parse";
import type { CellsRecord, Dialect } from "./cut-records.ts";

export type CsvRecord =
  | CellsRecord
  | { kind: "too-long"; line: number }
  /** `text`: the line on which the quote opens. */
  | { kind: "open-quote"; line: number; text: string };

const NEWLINE = 10;
const RETURN = 13;
const QUOTE = 34;
/** The parser does not look at these before there are more: a record's line end may be among them. */
const LOOK_AHEAD_CHARS = 4;
/** Behind each of them all that follows is read anew. */
const MOST_OPEN_QUOTES = 100;

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

export class ParsedCells {
  /** Of what is read next. */
  line: number;
  /** How many cells the table's first record has, once it is known. */
  columns: number | undefined;
  readonly #dialect: Dialect;
  #parser: Parser;
  /** Complete records, with the parser's count of bytes at their end. */
  #parsed: { cells: string[]; end: number }[] = [];
  /** What the parser was given since the end of the last record, and its count of bytes there. */
  #held: Buffer = Buffer.alloc(0);
  #heldFrom = 0;
  /** Set while the rest of a record that is too long is thrown away. */
  #skipping: { line: number; quoted: boolean } | undefined;
  #return = "";

  constructor(dialect: Dialect, from: Pick<ParsedCells, "line" | "columns">) {
    this.#dialect = dialect;
    this.line = from.line;
    this.columns = from.columns;
    this.#parser = this.#newParser();
  }

  /**
   * Takes more text, and appends the records that are complete now. Answers what is behind the last of them: nothing
   * more may be pushed then. Undefined: none is complete yet.
   */
  async push(text: string, records: CsvRecord[]): Promise<string | undefined> {
    // A line end in two pieces would be counted twice.
    const split = text.endsWith("\r");
    const whole = this.#return + (split ? text.slice(0, -1) : text);
    this.#return = split ? "\r" : "";
    const before = records.length;
    const behindTooLong = await this.#feed(Buffer.from(whole, "utf8"), records);
    const isBetweenRecords = this.#skipping === undefined && records.length > before;
    const rest = behindTooLong ?? (isBetweenRecords ? this.#held : undefined);
    return rest === undefined ? undefined : rest.toString("utf8") + this.#return;
  }

  /** To be called when the text is at its end. `openQuote`: the line of a quote behind which nothing could be read. */
  async end(): Promise<{ records: CsvRecord[]; openQuote: number | undefined }> {
    const records: CsvRecord[] = [];
    await this.#feedAll(Buffer.from(this.#return), records);
    let openQuotes = 0;
    while (this.#skipping === undefined) {
      const error = await this.#finish();
      if (this.#collect(records)) {
        await this.#feedAll(this.#passTooLong(records), records);
      } else if (error?.code === "CSV_QUOTE_NOT_CLOSED") {
        if (openQuotes === MOST_OPEN_QUOTES) return { records, openQuote: this.line };
        openQuotes += 1;
        await this.#passOpenQuote(records);
      } else if (error !== undefined) {
        throw error;
      } else {
        return { records, openQuote: undefined };
      }
    }
    return { records, openQuote: this.#skipping.quoted ? this.#skipping.line : undefined };
  }

  #newParser(): Parser {
    this.#heldFrom = 0;
    this.#held = Buffer.alloc(0);
    const parser = new Parser({
      delimiter: this.#dialect.delimiter,
      quote: this.#dialect.quotes ? '"' : false,
      record_delimiter: ["\r\n", "\n", "\r"],
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
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

  async #feedAll(bytes: Buffer | undefined, records: CsvRecord[]): Promise<void> {
    for (let rest = bytes; rest !== undefined;) rest = await this.#feed(rest, records);
  }

  /** Answers what is behind a record that was too long. */
  async #feed(bytes: Buffer, records: CsvRecord[]): Promise<Buffer | undefined> {
    if (this.#skipping !== undefined) return this.#skip(bytes, this.#skipping);
    if (bytes.length === 0) return undefined;
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const error = await this.#write(bytes);
    if (error !== undefined) throw error;
    return this.#collect(records) ? this.#passTooLong(records) : undefined;
  }

  /** Answers what is behind the record, as far as it is there. */
  #passTooLong(records: CsvRecord[]): Buffer | undefined {
    const rest = this.#held;
    records.push({ kind: "too-long", line: this.line });
    this.#parser = this.#newParser();
    this.#skipping = { line: this.line, quoted: false };
    return this.#skip(rest, this.#skipping);
  }

  #skip(bytes: Buffer, state: { quoted: boolean }): Buffer | undefined {
    const end = behindRecord(bytes, state, this.#dialect.quotes);
    const skipped = end === -1 ? bytes.length : end;
    if (hasLineEnd(bytes)) this.line += countLineEnds(bytes, 0, skipped);
    if (end === -1) return undefined;
    this.#skipping = undefined;
    return bytes.subarray(end);
  }

  /**
   * The text ended inside quotes. Where the line behind the quote's own has as many cells as the table, the quote was
   * a stray one, and reading goes on there; else the file was cut off inside a cell, and what follows is that cell.
   */
  async #passOpenQuote(records: CsvRecord[]): Promise<void> {
    const held = this.#held;
    const next = behindLine(held);
    const text = held.toString("utf8", 0, next).trimEnd();
    records.push({ kind: "open-quote", line: this.line, text });
    const rest = held.subarray(next);
    const cells = rest.toString("utf8", 0, behindLine(rest)).split(this.#dialect.delimiter).length;
    this.line += 1;
    this.#parser = this.#newParser();
    if (cells === this.columns) await this.#feedAll(rest, records);
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
      this.line += 1;
      at = next;
    }
    return at;
  }

  /** Appends the complete records. Answers whether the one behind them, with which `held` begins then, is too long. */
  #collect(records: CsvRecord[]): boolean {
    const parsed = this.#parsed;
    this.#parsed = [];
    let at = this.#passBlankLines(0);
    let isTooLong = false;
    for (const { cells, end } of parsed) {
      const to = end - this.#heldFrom;
      isTooLong = this.#isLonger(at, to, this.#dialect.maxChars);
      if (isTooLong) break;
      this.columns ??= cells.length;
      records.push({ kind: "cells", line: this.line, cells });
      this.line += countLineEnds(this.#held, at, to);
      at = this.#passBlankLines(to);
    }
    this.#held = this.#held.subarray(at);
    this.#heldFrom += at;
    return isTooLong || this.#isLonger(0, this.#held.length, this.#dialect.maxChars + LOOK_AHEAD_CHARS);
  }

  /** Whether the text there has more characters, line ends behind it aside. */
  #isLonger(from: number, to: number, chars: number): boolean {
    let end = to;
    while (end - from > chars && (this.#held[end - 1] === NEWLINE || this.#held[end - 1] === RETURN))
      end -= 1;
    return end - from > chars && this.#held.toString("utf8", from, end).length > chars;
  }
}
