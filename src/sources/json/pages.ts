/** What an export says of itself being one page of several: cursors that lead on, and totals above what it holds. */
import { parseJson } from "../formats/json-object.ts";
import type { SourceRecord } from "../record.ts";

export interface PageMarks {
  /** Where it stands what leads to the next page: not null, false or empty. */
  cursors: readonly string[];
  /** Where it stands how many records there are in all, and the path of the records that this counts. */
  totals: Readonly<Record<string, string>>;
}

export class Pages {
  /** Where the marks stand. */
  readonly paths: readonly string[];
  readonly #marks: PageMarks;
  readonly #totals = new Map<string, number>();

  constructor(marks: PageMarks) {
    this.#marks = marks;
    this.paths = [...marks.cursors, ...Object.keys(marks.totals)];
  }

  /** Takes the JSON text of a mark. */
  take(path: string, line: number, text: string): SourceRecord[] {
    const parsed = parseJson(text);
    if (this.#marks.cursors.includes(path)) {
      const leadsOn = parsed.ok && parsed.value !== null && parsed.value !== "" && parsed.value !== false;
      return leadsOn
        ? [{ kind: "page", line, message: `it is one page of several: ${path} leads to the next` }]
        : [];
    }
    const total = parsed.ok ? Number(parsed.value) : Number.NaN;
    if (Number.isFinite(total)) this.#totals.set(path, this.#inAll(path, total));
    return [];
  }

  /** Pages of one answer repeat its total; answers side by side have each their own. */
  #inAll(path: string, total: number): number {
    const before = this.#totals.get(path) ?? 0;
    return path.includes("[]") ? before + total : Math.max(before, total);
  }

  /** To be called when all was read. `held`: how many records stood on each path. */
  end(held: ReadonlyMap<string, number>): SourceRecord[] {
    const records: SourceRecord[] = [];
    for (const [path, total] of this.#totals) {
      const count = held.get(this.#marks.totals[path] ?? "") ?? 0;
      if (total > count) {
        records.push({ kind: "page", line: 1, message: `it holds ${count} of ${total} records` });
      }
    }
    return records;
  }
}
