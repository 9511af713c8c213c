/**
 * Text to the cells of its records. Nearly all text is cut; from a record on that is not written as RFC 4180 has it,
 * csv-parse reads what is there of the text, and then to the end of a record.
 */
import { cutRecords, type Dialect } from "./cut-records.ts";
import { ParsedCells, type CsvRecord } from "./parsed-cells.ts";

/** What is held of a long record is gone through again with each piece that is added: pieces are not smaller then. */
const LONG_CHARS = 64 * 1024;

export class CsvCells {
  readonly #dialect: Dialect;
  #line = 1;
  #columns: number | undefined;
  /** What was not read yet. */
  #held = "";
  /** Reading goes on when so much is held. */
  #enoughChars = 0;
  /** Reads, while it is there. */
  #parsed: ParsedCells | undefined;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  /** Takes more text; answers the records that are complete now. */
  async push(text: string): Promise<CsvRecord[]> {
    return this.#read(text, false);
  }

  /** The records that are complete in what was pushed, all of them. */
  async flush(): Promise<CsvRecord[]> {
    this.#enoughChars = 0;
    return this.#read("", false);
  }

  /** To be called when the text is at its end. `openQuote`: the line of a quote behind which nothing could be read. */
  async end(): Promise<{ records: CsvRecord[]; openQuote: number | undefined }> {
    const records = await this.#read("", true);
    const last = await this.#parsed?.end();
    return { records: [...records, ...(last?.records ?? [])], openQuote: last?.openQuote };
  }

  async #read(text: string, isEnd: boolean): Promise<CsvRecord[]> {
    const records: CsvRecord[] = [];
    this.#held += text;
    while (this.#holdsEnough(isEnd)) {
      if (this.#parsed === undefined) this.#cut(isEnd, records);
      else await this.#parse(this.#parsed, records);
    }
    return records;
  }

  #holdsEnough(isEnd: boolean): boolean {
    return this.#held !== "" && (isEnd || this.#held.length >= this.#enoughChars);
  }

  #cut(isEnd: boolean, records: CsvRecord[]): void {
    const cut = cutRecords(this.#held, { line: this.#line, isEnd }, this.#dialect);
    for (const record of cut.records) records.push(record);
    this.#line = cut.line;
    this.#columns ??= cut.records[0]?.cells.length;
    this.#held = cut.rest;
    if (cut.isForeign || cut.rest.length > this.#dialect.maxChars) {
      this.#parsed = new ParsedCells(this.#dialect, { line: cut.line, columns: this.#columns });
      this.#enoughChars = 0;
    } else {
      this.#enoughChars = cut.rest.length > LONG_CHARS ? cut.rest.length * 2 : cut.rest.length + 1;
    }
  }

  async #parse(parsed: ParsedCells, records: CsvRecord[]): Promise<void> {
    const rest = await parsed.push(this.#held, records);
    this.#held = rest ?? "";
    this.#enoughChars = rest === undefined ? LONG_CHARS : 0;
    if (rest === undefined) return;
    this.#parsed = undefined;
    ({ line: this.#line, columns: this.#columns } = parsed);
  }
}
