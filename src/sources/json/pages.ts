/**
 * What an export says of itself being a part: one page of several (cursors that lead on, totals above what it holds), or
 * without what the system could not hand out.
 */
import { parseJson } from "../formats/json-object.ts";
import { excerpt, type SourceRecord } from "../record.ts";
import { counted } from "../../core/counted.ts";

export interface PageMarks {
  /** Where it stands what leads to the next page: not null, false or empty. */
  cursors: readonly string[];
  /** Where it stands how many records there are in all, and the path of the records that this counts. */
  totals: Readonly<Record<string, string>>;
  /** Where the IDs of traces stand that were not handed out. */
  missing?: string | undefined;
}

const MOST_NAMED = 3;

export class Pages {
  /** Where the marks stand. */
  readonly paths: readonly string[];
  readonly #marks: PageMarks;
  readonly #totals = new Map<string, number>();
  #cursor: Cursor | undefined;
  #missing = 0;
  readonly #firstMissing: string[] = [];

  constructor(marks: PageMarks) {
    const { cursors, totals, missing } = marks;
    this.#marks = marks;
    this.paths = [...cursors, ...Object.keys(totals), ...(missing === undefined ? [] : [missing])];
  }

  /** Takes the JSON text of a mark. */
  take(path: string, text: string): void {
    const parsed = parseJson(text);
    if (!parsed.ok) return;
    if (this.#marks.cursors.includes(path)) {
      if (leadsOn(parsed.value)) this.#cursor = { path, value: parsed.value };
      return;
    }
    if (path === this.#marks.missing) {
      this.#missing += 1;
      if (this.#missing <= MOST_NAMED) this.#firstMissing.push(excerpt(String(parsed.value)));
      return;
    }
    const total = Number(parsed.value);
    if (Number.isFinite(total)) this.#totals.set(path, this.#inAll(path, total));
  }

  /** Pages of one answer repeat its total; answers side by side have each their own. */
  #inAll(path: string, total: number): number {
    const before = this.#totals.get(path) ?? 0;
    return path.includes("[]") ? before + total : Math.max(before, total);
  }

  /** To be called when all was read. `held`: how many records stood on each path. */
  end(held: ReadonlyMap<string, number>): SourceRecord[] {
    const short = [...this.#totals]
      .map(([path, total]) => ({ total, held: held.get(this.#marks.totals[path] ?? "") ?? 0 }))
      .find((one) => one.total > one.held);
    const all = [...held.values()].reduce((sum, count) => sum + count, 0);
    return [
      ...pageRecords({ cursor: this.#cursor, held: short?.held ?? all, total: short?.total }),
      ...this.#missingRecords(),
    ];
  }

  #missingRecords(): SourceRecord[] {
    const { missing } = this.#marks;
    if (missing === undefined || this.#missing === 0) return [];
    const rest = this.#missing - this.#firstMissing.length;
    const named = this.#firstMissing.join(", ") + (rest === 0 ? "" : ` and ${rest} more`);
    const traces = counted(this.#missing, "trace");
    const message = `it lacks ${traces} that ${missing.replace("[]", "")} names: ${named}`;
    return [{ kind: "page", line: 1, message }];
  }
}

export interface Cursor {
  path: string;
  value: unknown;
}

/** Whether a cursor with that value leads to another page. */
export function leadsOn(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return value !== null && value !== undefined && value !== "" && value !== false && value !== 0;
}

/** What is said where a cursor leads on, there are more pages, or the total is greater than the number of records held. */
export function pageRecords(seen: {
  cursor: Cursor | undefined;
  /** The number of pages, where it is greater than that of those held. */
  pages?: number | undefined;
  held: number;
  total: number | undefined;
}): SourceRecord[] {
  const { cursor, pages, held, total = 0 } = seen;
  const lead = cursor === undefined ? pages && `it is one page of ${pages}` : leadOf(cursor);
  if (lead === undefined && total <= held) return [];
  const records = total > held ? `${held} of ${total} records` : counted(held, "record");
  const message = [...(lead === undefined ? [] : [lead]), `it holds ${records}`].join("; ");
  return [{ kind: "page", line: 1, message, follow: cursor && followed(cursor) }];
}

function leadOf({ path, value }: Cursor): string {
  return value === true
    ? `it is one page of several, as ${path} says`
    : `it is one page of several: ${path} leads to the next`;
}

/** How an HTTP server is asked for the next page; undefined: the cursor does not say. */
function followed({ path, value }: Cursor): string | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const isAddress = /^(?:https?:)?\//.test(String(value));
  return `--page-cursor ${shellWord(path)} --page-into ${isAddress ? "url" : "query:NAME"}`;
}

function shellWord(path: string): string {
  return /^[\w.-]+$/.test(path) ? path : `'${path}'`;
}
