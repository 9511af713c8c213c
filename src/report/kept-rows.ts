/** Rows that wait to be written: in memory as long as they are few, else in a file. Read as often as it takes. */
import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { TraceloadError } from "../core/errors.ts";
import type { NewRow } from "../core/store.ts";

/** Some 10 MB. */
const HELD_ROWS = 20_000;

export class RowsKept {
  readonly #heldRows: number;
  #held: string[] = [];
  #rows = 0;
  #directory: string | undefined;
  #file: FileHandle | undefined;

  constructor(heldRows = HELD_ROWS) {
    this.#heldRows = heldRows;
  }

  /** Throws `report_unwritable`. */
  async write(rows: readonly NewRow[]): Promise<void> {
    this.#held.push(JSON.stringify(rows));
    this.#rows += rows.length;
    if (this.#rows > this.#heldRows) await this.#writeOut();
  }

  /** In order, as they were written; the objects are new ones each time. */
  async *read(): AsyncGenerator<NewRow[], void, undefined> {
    if (this.#directory !== undefined) {
      const written = await open(path.join(this.#directory, FILE));
      try {
        for await (const line of written.readLines()) yield parseRows(line);
      } finally {
        await written.close();
      }
    }
    for (const line of this.#held) yield parseRows(line);
  }

  /** Safe to repeat. */
  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    if (this.#directory !== undefined) await rm(this.#directory, { recursive: true, force: true });
    this.#directory = undefined;
    this.#held = [];
  }

  async #writeOut(): Promise<void> {
    try {
      this.#directory ??= await mkdtemp(path.join(tmpdir(), "traceload-rows-"));
      this.#file ??= await open(path.join(this.#directory, FILE), "a", 0o600);
      await this.#file.appendFile(`${this.#held.join("\n")}\n`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new TraceloadError("report_unwritable", `rows cannot be kept on disk: ${reason}`, {
        next: `make room for ${tmpdir()}, or name another directory: TMPDIR=/large traceload import …`,
        cause: error,
      });
    }
    this.#held = [];
    this.#rows = 0;
  }
}

const FILE = "rows.ndjson";

function parseRows(line: string): NewRow[] {
  // Nobody else writes there.
  return JSON.parse(line) as NewRow[];
}
