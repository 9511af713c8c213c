/**
 * What an object around a list of records says of there being more of them: by the names that APIs have made common, at
 * its top or in the objects that APIs keep them in (`meta.next_cursor`, `_links.next.href`).
 */
import { foldName } from "../columns.ts";
import { isJsonObject, parseJson } from "../formats/json-object.ts";
import type { SourceRecord } from "../record.ts";
import { type Cursor, leadsOn, pageRecords } from "./pages.ts";

const PLACES = new Set([
  "meta",
  "metadata",
  "responsemetadata",
  "info",
  "links",
  "page",
  "pageinfo",
  "paging",
  "pagination",
  "cursors",
]);
const CURSOR =
  /^(?:odata)?next(?:$|page|cursor|token|link|ur[il]|marker|key|offset|start|continuation)|^(?:continuationtoken|lastevaluatedkey|pagetoken|cursor)$/;
/** Only in a place for them: elsewhere it may repeat what was asked for. */
const CURSOR_IN_PLACE = new Set(["after"]);
const MORE = new Set(["hasmore", "hasnext", "hasnextpage", "istruncated", "incompleteresults"]);
const TOTAL = /^total(?:$|count|items|records|results|hits|rows|size|elements|entries|matches)/;
const TOTAL_PAGES = /^(?:total|num)?pages$|^pagecount$|^lastpage$/;
const DEPTH = 2;

/** Whether a member of such an object, by its name, may say something of pages. */
export function marksPages(name: string): boolean {
  const folded = foldName(name);
  return (
    folded === "count" ||
    PLACES.has(folded) ||
    MORE.has(folded) ||
    [CURSOR, TOTAL, TOTAL_PAGES].some((pattern) => pattern.test(folded))
  );
}

interface Mark {
  path: string;
  name: string;
  value: unknown;
}

export class WrapperPages {
  #documents = 0;
  /** Of the last document: pages one after the other lead on to one another. */
  #cursor: Cursor | undefined;
  #total = 0;
  #pages = 0;

  /** Takes the members of one object around records, as JSON. */
  take(members: ReadonlyMap<string, string>): void {
    const marks = [...members].flatMap(([key, text]) => {
      const parsed = parseJson(text);
      return parsed.ok ? marksIn(key, parsed.value, []) : [];
    });
    const leading = marks.filter(({ name, value }) =>
      MORE.has(name) ? value === true : isCursor(name, value),
    );
    this.#documents += 1;
    this.#cursor = leading.find(({ value }) => value !== true) ?? leading[0];
    const totals = marks.filter(({ name }) => TOTAL.test(name) && !TOTAL_PAGES.test(name));
    // By itself it may count anything; beside a link to the next page it is the total.
    const counts = marks.some(({ name }) => name === "next")
      ? marks.filter(({ name }) => name === "count")
      : [];
    this.#total = Math.max(this.#total, ...[...totals, ...counts].map(({ value }) => wholeNumber(value)));
    const pages = marks.filter(({ name }) => TOTAL_PAGES.test(name));
    this.#pages = Math.max(this.#pages, ...pages.map(({ value }) => wholeNumber(value)));
  }

  /** To be called when all was read. `held`: how many records there were. */
  end(held: number): SourceRecord[] {
    if (this.#documents === 0) return [];
    const pages = this.#pages > this.#documents ? this.#pages : undefined;
    return pageRecords({ cursor: this.#cursor, pages, held, total: this.#total });
  }
}

function marksIn(key: string, value: unknown, places: readonly string[]): Mark[] {
  const name = foldName(key);
  const path = [...places, key];
  if (PLACES.has(name) && places.length < DEPTH && isJsonObject(value)) {
    return Object.entries(value).flatMap(([inner, found]) => marksIn(inner, found, path));
  }
  // HAL's links: draft-kelly-json-hal, section 5.
  if (isJsonObject(value) && typeof value["href"] === "string") {
    return [{ path: [...path, "href"].join("."), name, value: value["href"] }];
  }
  return places.length === 0 && CURSOR_IN_PLACE.has(name) ? [] : [{ path: path.join("."), name, value }];
}

function isCursor(name: string, value: unknown): boolean {
  return (CURSOR.test(name) || CURSOR_IN_PLACE.has(name)) && leadsOn(value);
}

/** A total, `{"value": 250}` included; 0: it is none. */
function wholeNumber(value: unknown): number {
  const number = Number(isJsonObject(value) ? value["value"] : value);
  return Number.isSafeInteger(number) ? number : 0;
}
