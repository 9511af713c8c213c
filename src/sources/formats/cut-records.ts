/**
 * Cuts the cells of records out of text where quotes stand as RFC 4180 has them: around whole cells, doubled inside.
 * The first record that is not so, and what is behind it, is left to a parser that knows more.
 */

export interface Dialect {
  /** One character. */
  delimiter: string;
  /** Cells may stand in quotes; else a quote is a character like others. */
  quotes: boolean;
  /** A record that is longer is not read. */
  maxChars: number;
}

export interface CellsRecord {
  kind: "cells";
  line: number;
  cells: string[];
}

export interface Cut {
  records: CellsRecord[];
  /** What was not cut, and the line that it begins on. */
  rest: string;
  line: number;
  /** The rest begins with a record that is not cut here; else with one that has not ended yet. */
  isForeign: boolean;
}

const NEWLINE = 10;
const RETURN = 13;
const QUOTE = 34;

/** Where something stands next, asked for growing places. */
class Next {
  readonly #text: string;
  readonly #sought: string;
  #found = -1;

  constructor(text: string, sought: string) {
    this.#text = text;
    this.#sought = sought;
  }

  /** The length of the text where there is none. */
  from(at: number): number {
    if (this.#found < at) {
      const found = this.#text.indexOf(this.#sought, at);
      this.#found = found === -1 ? this.#text.length : found;
    }
    return this.#found;
  }
}

/** `line`: the text's first. `isEnd`: nothing follows the text. */
export function cutRecords(
  text: string,
  { line: firstLine, isEnd }: { line: number; isEnd: boolean },
  { delimiter, quotes, maxChars }: Dialect,
): Cut {
  const records: CellsRecord[] = [];
  const delimiters = new Next(text, delimiter);
  const newlines = new Next(text, "\n");
  const returns = new Next(text, "\r");
  const delimiterCode = delimiter.charCodeAt(0);
  const lineEnd = (from: number): number => Math.min(newlines.from(from), returns.from(from));
  const behindLineEnd = (end: number): number =>
    text.charCodeAt(end) === RETURN && text.charCodeAt(end + 1) === NEWLINE ? end + 2 : end + 1;
  let line = firstLine;
  let start = 0;
  const cut = (isForeign: boolean): Cut => ({ records, rest: text.slice(start), line, isForeign });

  while (start < text.length) {
    const cells: string[] = [];
    let lines = 1;
    let at = start;
    let end: number;
    for (;;) {
      if (quotes && text.charCodeAt(at) === QUOTE) {
        const close = closingQuote(text, at + 1);
        if (close === -1 || (close === text.length - 1 && !isEnd)) return cut(isEnd);
        const cell = text.slice(at + 1, close);
        cells.push(cell.includes('"') ? cell.replaceAll('""', '"') : cell);
        for (let inner = lineEnd(at); inner < close; inner = lineEnd(behindLineEnd(inner))) lines += 1;
        end = close + 1;
      } else {
        end = Math.min(delimiters.from(at), lineEnd(at));
        cells.push(text.slice(at, end));
      }
      if (text.charCodeAt(end) !== delimiterCode) break;
      at = end + 1;
    }
    const code = text.charCodeAt(end);
    // A line break in two pieces would be counted twice.
    if (!isEnd && (end === text.length || (code === RETURN && end === text.length - 1))) return cut(false);
    if (end < text.length && code !== NEWLINE && code !== RETURN) return cut(true);
    // Blank lines are no records.
    if (end > start) {
      if (end - start > maxChars) return cut(true);
      records.push({ kind: "cells", line, cells });
    }
    line += lines;
    start = behindLineEnd(end);
  }
  return cut(false);
}

/** Index of the quote that closes the cell; -1 where none does. */
function closingQuote(text: string, from: number): number {
  let quote = text.indexOf('"', from);
  while (quote !== -1 && text.charCodeAt(quote + 1) === QUOTE) quote = text.indexOf('"', quote + 2);
  return quote;
}
