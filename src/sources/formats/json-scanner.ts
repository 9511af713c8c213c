/**
 * Cuts JSON text of any size into the texts of its records, without holding more than one of them: the elements of a
 * top-level array, a top-level object, or with `wrappers` the elements of the first array of objects in it; and so on
 * for documents that follow. Each record's own syntax is left to `JSON.parse`.
 */
import { MAX_RECORD_CHARS } from "../record.ts";

export interface JsonElement {
  /** The line it starts on. */
  line: number;
  /** Undefined: longer than `MAX_RECORD_CHARS`. */
  text: string | undefined;
}

/** What is known of a wrapper's other members: their JSON by their names. */
export type WrapperMembers = ReadonlyMap<string, string>;

/** Longest member of a wrapper that is looked at. */
const MAX_MEMBER_CHARS = 16 * 1024;

/** Arrays of objects that belong to one span or record, and never hold the records themselves. */
const NEVER_RECORDS = new Set([
  "events",
  "links",
  "references",
  "logs",
  "tags",
  "attributes",
  "annotations",
  "messages",
]);

type Place =
  | "document"
  | "first-element"
  | "element"
  | "after-element"
  | "first-key"
  | "key"
  | "colon"
  | "member"
  | "after-member"
  /** Behind the `[` of a member that may turn out to be the array of records. */
  | "candidate";

const SPACE = /[ \t\r\n]/;
const STRUCTURE = /["{}[\]]/g;
const STRING_STOP = /["\\]/g;
const SCALAR_END = /[,\]}\s]/g;

function find(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  const match = pattern.exec(text);
  return match === null ? -1 : match.index;
}

export class JsonScanner {
  /** What is wrong with the document around the records; set once, and nothing is read behind it. */
  fault: { line: number; message: string } | undefined;

  readonly #wrappers: boolean;
  readonly #namesRecord: (key: string) => boolean;
  readonly #keepsMember: (key: string) => boolean;
  readonly #onWrapper: (members: WrapperMembers) => void;
  #place: Place = "document";
  #inObject = false;
  /** The top-level object turned out to be a wrapper; its array of records was found. */
  #wrapper = false;
  #inRecords = false;
  #sawRecordKey = false;
  #sawEmptyArray = false;
  #line = 1;
  #countedTo = 0;

  /** The value being passed over: open brackets, or a string or scalar at depth 0. */
  #value: "composite" | "string" | "scalar" | "key" | undefined;
  #depth = 0;
  #inString = false;
  #escaped = false;

  #heldLine: number | undefined;
  #heldParts: string[] = [];
  #heldChars = 0;
  #heldFrom = 0;
  #keyParts: string[] = [];
  #keyFrom = 0;
  #key = "";

  /** The text so far of a member that is kept. */
  #member: string | undefined;
  #memberFrom = 0;
  #members = new Map<string, string>();

  /**
   * `wrappers`: whether a top-level object may be one around an array of records. It is taken for a record itself if
   * no array of objects is met, or a key that `namesRecord` answers for is met before. `onWrapper` is told at a wrapper's
   * end those of its members that `keepsMember` answers for.
   */
  constructor(options: {
    wrappers: boolean;
    namesRecord: (key: string) => boolean;
    keepsMember?: (key: string) => boolean;
    onWrapper?: (members: WrapperMembers) => void;
  }) {
    this.#wrappers = options.wrappers;
    this.#namesRecord = options.namesRecord;
    this.#keepsMember = options.keepsMember ?? (() => false);
    this.#onWrapper = options.onWrapper ?? (() => undefined);
  }

  push(chunk: string): JsonElement[] {
    const elements: JsonElement[] = [];
    this.#countedTo = 0;
    this.#heldFrom = 0;
    this.#keyFrom = 0;
    this.#memberFrom = 0;
    let index = 0;
    while (index < chunk.length && this.fault === undefined) {
      index =
        this.#value === undefined ? this.#step(chunk, index, elements) : this.#pass(chunk, index, elements);
    }
    this.#countLines(chunk, chunk.length);
    if (this.#heldLine !== undefined) this.#hold(chunk.slice(this.#heldFrom));
    if (this.#value === "key") this.#keyParts.push(chunk.slice(this.#keyFrom));
    if (this.#member !== undefined) this.#keepMember(chunk.slice(this.#memberFrom));
    return elements;
  }

  /** Whether the object that is open now showed a key that only a record has. */
  get insideRecord(): boolean {
    return this.#inObject && this.#sawRecordKey && !this.#wrapper;
  }

  /** To be called when the text is at its end; sets `fault` where the document is not. */
  end(): void {
    if (this.fault === undefined && (this.#place !== "document" || this.#value !== undefined)) {
      this.fault = { line: this.#line, message: "the JSON ends in the middle: the file is cut off" };
    }
  }

  #countLines(chunk: string, to: number): void {
    for (
      let at = chunk.indexOf("\n", this.#countedTo);
      at !== -1 && at < to;
      at = chunk.indexOf("\n", at + 1)
    ) {
      this.#line += 1;
    }
    this.#countedTo = Math.max(this.#countedTo, to);
  }

  #fail(chunk: string, index: number, message: string): number {
    this.#countLines(chunk, index);
    this.fault = { line: this.#line, message };
    return chunk.length;
  }

  #hold(part: string): void {
    this.#heldChars += part.length;
    if (this.#heldChars > MAX_RECORD_CHARS) this.#heldParts = [];
    else this.#heldParts.push(part);
  }

  #startHolding(chunk: string, index: number): void {
    this.#countLines(chunk, index);
    this.#heldLine = this.#line;
    this.#heldFrom = index;
    this.#heldParts = [];
    this.#heldChars = 0;
  }

  #release(chunk: string, end: number, elements: JsonElement[]): void {
    if (this.#heldLine === undefined) return;
    this.#hold(chunk.slice(this.#heldFrom, end));
    const text = this.#heldChars > MAX_RECORD_CHARS ? undefined : this.#heldParts.join("");
    elements.push({ line: this.#heldLine, text });
    this.#drop();
  }

  #drop(): void {
    this.#heldLine = undefined;
    this.#heldParts = [];
    this.#heldChars = 0;
  }

  #keepMember(part: string): void {
    this.#member = ((this.#member ?? "") + part).slice(0, MAX_MEMBER_CHARS + 1);
  }

  #endMember(chunk: string, end: number): void {
    if (this.#member === undefined) return;
    this.#keepMember(chunk.slice(this.#memberFrom, end));
    if (this.#member.length <= MAX_MEMBER_CHARS) this.#members.set(this.#key, this.#member);
    this.#member = undefined;
  }

  #startValue(character: string): void {
    this.#depth = 0;
    this.#inString = false;
    if (character === "{" || character === "[") this.#value = "composite";
    else if (character === '"') this.#value = "string";
    else this.#value = "scalar";
  }

  /** Between values: one character, answered by the index to go on at. */
  #step(chunk: string, index: number, elements: JsonElement[]): number {
    const character = chunk.charAt(index);
    if (SPACE.test(character)) return index + 1;
    switch (this.#place) {
      case "document":
        return this.#startDocument(chunk, index);
      case "first-element":
      case "element":
        if (character === "]" && this.#place === "first-element") return this.#endArray(index);
        if (character === "," || character === "]" || character === "}") {
          return this.#fail(chunk, index, `a value is missing before ${JSON.stringify(character)}`);
        }
        this.#startHolding(chunk, index);
        this.#startValue(character);
        return index;
      case "after-element":
        if (character === "]") return this.#endArray(index);
        if (character !== ",") return this.#fail(chunk, index, `"," or "]" is missing between elements`);
        this.#place = "element";
        return index + 1;
      case "first-key":
      case "key":
        if (character === "}" && this.#place === "first-key") return this.#endObject(chunk, index, elements);
        if (character !== '"') return this.#fail(chunk, index, "a key in quotes is missing");
        this.#value = "key";
        this.#inString = false;
        this.#keyParts = [];
        this.#keyFrom = index;
        return index;
      case "colon":
        if (character !== ":") return this.#fail(chunk, index, `":" is missing behind a key`);
        this.#place = "member";
        return index + 1;
      case "member":
        if (character === "," || character === "]" || character === "}" || character === ":") {
          return this.#fail(chunk, index, `a value is missing before ${JSON.stringify(character)}`);
        }
        if (character === "[" && this.#mayHoldRecords()) {
          this.#place = "candidate";
          return index + 1;
        }
        if (this.#wrappers && this.#keepsMember(this.#key)) {
          this.#member = "";
          this.#memberFrom = index;
        }
        this.#startValue(character);
        return index;
      case "candidate":
        return this.#tryCandidate(index, character);
      case "after-member":
        if (character === "}") return this.#endObject(chunk, index, elements);
        if (character !== ",") return this.#fail(chunk, index, `"," or "}" is missing behind a value`);
        this.#place = "key";
        return index + 1;
      default: {
        const never: never = this.#place;
        return never;
      }
    }
  }

  #startDocument(chunk: string, index: number): number {
    const character = chunk.charAt(index);
    // RFC 7464 puts a record separator before each document of a sequence.
    if (character === "\u001e") return index + 1;
    this.#inObject = character === "{";
    this.#wrapper = false;
    this.#inRecords = false;
    this.#sawRecordKey = false;
    this.#sawEmptyArray = false;
    this.#members = new Map();
    if (character === "[") {
      this.#place = "first-element";
      return index + 1;
    }
    if (character !== "{")
      return this.#fail(chunk, index, "neither a JSON object nor a JSON array starts here");
    this.#startHolding(chunk, index);
    this.#place = "first-key";
    return index + 1;
  }

  #mayHoldRecords(): boolean {
    return this.#wrappers && !this.#wrapper && !this.#sawRecordKey && !NEVER_RECORDS.has(this.#key);
  }

  #tryCandidate(index: number, character: string): number {
    if (character === "{") {
      this.#wrapper = true;
      this.#inRecords = true;
      this.#drop();
      this.#place = "first-element";
      return index;
    }
    this.#place = "member";
    if (character === "]") {
      this.#sawEmptyArray = true;
      this.#place = "after-member";
      return index + 1;
    }
    this.#startValue("[");
    this.#depth = 1;
    return index;
  }

  #endArray(index: number): number {
    this.#place = this.#inRecords ? "after-member" : "document";
    this.#inRecords = false;
    return index + 1;
  }

  #endObject(chunk: string, index: number, elements: JsonElement[]): number {
    const emptyWrapper = this.#wrappers && this.#sawEmptyArray && !this.#sawRecordKey;
    if (this.#wrapper || emptyWrapper) {
      this.#drop();
      this.#onWrapper(this.#members);
    } else this.#release(chunk, index + 1, elements);
    this.#inObject = false;
    this.#place = "document";
    return index + 1;
  }

  /** Inside a value or key: as far as it goes, answered by the index to go on at. */
  #pass(chunk: string, index: number, elements: JsonElement[]): number {
    if (this.#value === "scalar") {
      const end = find(SCALAR_END, chunk, index);
      if (end === -1) return chunk.length;
      return this.#endValue(chunk, end, elements);
    }
    let at = index;
    if (this.#escaped) {
      this.#escaped = false;
      at += 1;
    }
    while (at < chunk.length) {
      if (this.#inString) {
        const stop = find(STRING_STOP, chunk, at);
        if (stop === -1) return chunk.length;
        if (chunk.charAt(stop) === "\\") {
          if (stop + 1 >= chunk.length) {
            this.#escaped = true;
            return chunk.length;
          }
          at = stop + 2;
          continue;
        }
        this.#inString = false;
        at = stop + 1;
        if (this.#depth === 0) return this.#endValue(chunk, at, elements);
        continue;
      }
      const stop = find(STRUCTURE, chunk, at);
      if (stop === -1) return chunk.length;
      const character = chunk.charAt(stop);
      at = stop + 1;
      if (character === '"') this.#inString = true;
      else if (character === "{" || character === "[") this.#depth += 1;
      else {
        this.#depth -= 1;
        if (this.#depth === 0) return this.#endValue(chunk, at, elements);
      }
    }
    return chunk.length;
  }

  #endValue(chunk: string, end: number, elements: JsonElement[]): number {
    const value = this.#value;
    this.#value = undefined;
    if (value === "key") {
      this.#keyParts.push(chunk.slice(this.#keyFrom, end));
      this.#key = this.#keyParts.join("").slice(1, -1);
      this.#keyParts = [];
      if (this.#namesRecord(this.#key)) this.#sawRecordKey = true;
      this.#place = "colon";
    } else if (this.#inObject && !this.#inRecords) {
      this.#endMember(chunk, end);
      this.#place = "after-member";
    } else {
      this.#release(chunk, end, elements);
      this.#place = "after-element";
    }
    return end;
  }
}
