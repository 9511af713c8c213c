/**
 * Text to the cells of its records. Nearly all text is cut; a record that is not written as RFC 4180 has it goes to
 * csv-parse, with all that is behind it, up to a record that is too long.
 */
import { cutRecords, type Dialect } from "./cut-records.ts";
import { ParsedCells, type CsvRecord } from "./parsed-cells.ts";

/** A record of more characters is not looked at again for each piece of it, but when there are twice as many. */
const LONG_CHARS = 64 * 1024;

export class CsvCells {
  readonly #dialect: Dialect;
  #line = 1;
  #columns: number | undefined;
  /** The beginning of a record. */
  #held = "";
  /** With fewer characters it is not looked at again. */
  #worthALook = 0;
  /** Reads, while it is there. */
  #parsed: ParsedCells | undefined;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  /** Takes more text; answers the records that are complete now. */
  async push(text: string): Promise<CsvRecord[]> {
    return this.#read(text, false);
  }

  /** To be called when the text is at its end. `openQuote`: the line of a quote behind which nothing could be read. */
  async end(): Promise<{ records: CsvRecord[]; openQuote: number | undefined }> {
    const records = await this.#read("", true);
    const last = await this.#parsed?.end();
    return { records: [...records, ...(last?.records ?? [])], openQuote: last?.openQuote };
  }

  async #read(text: string, isEnd: boolean): Promise<CsvRecord[]> {
    const records: CsvRecord[] = [];
    let rest: string | undefined = text;
    while (rest !== undefined) {
      if (this.#parsed === undefined) {
        rest = this.#cut(rest, isEnd, records);
      } else {
        rest = await this.#parsed.push(rest, records);
        if (rest === undefined) break;
        ({ line: this.#line, columns: this.#columns } = this.#parsed);
        this.#parsed = undefined;
      }
    }
    return records;
  }

  /** Answers what the parser, then set, has to read; undefined: nothing. */
  #cut(text: string, isEnd: boolean, records: CsvRecord[]): string | undefined {
    this.#held += text;
    if (!isEnd && this.#held.length < this.#worthALook) return undefined;
    this.#worthALook = 0;
    const cut = cutRecords(this.#held, { line: this.#line, isEnd }, this.#dialect);
    for (const record of cut.records) records.push(record);
    this.#line = cut.line;
    this.#columns ??= cut.records[0]?.cells.length;
    if (!cut.isForeign && cut.rest.length <= this.#dialect.maxChars) {
      this.#held = cut.rest;
      if (cut.rest.length > LONG_CHARS) this.#worthALook = cut.rest.length * 2;
      return undefined;
    }
    this.#held = "";
    this.#parsed = new ParsedCells(this.#dialect, { line: cut.line, columns: this.#columns });
    return cut.rest;
  }
}
