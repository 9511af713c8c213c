/**
 * Walks JSON text of any size along known paths, and hands out the texts of the values that stand there, without
 * holding more than one of them. What lies off the paths is passed over unseen. Each value's own syntax is left to
 * `JSON.parse`; documents may follow one another.
 */
import { MAX_RECORD_CHARS } from "../record.ts";

export interface FoundText {
  /** The path it was found on, as it was asked for. */
  path: string;
  /** The line it starts on. */
  line: number;
  /** Undefined: longer than allowed. */
  text: string | undefined;
}

/** With `lines`: a line that is no JSON. Values that stood before its fault have been handed out. */
export interface BrokenLine {
  path: undefined;
  line: number;
  message: string;
}

export interface WalkFault {
  line: number;
  message: string;
}

export interface WalkerOptions {
  /**
   * What is looked for: keys with dots between them, `[]` for each element of an array. `resourceSpans[].spans[]`;
   * `[][]` in an array of arrays; the empty path is the document itself. No path begins with another one.
   */
  paths: readonly string[];
  /** One document a line: a line end inside of one is its fault, and the next line is read all the same. */
  lines: boolean;
  /** Longest value that is handed out; `MAX_RECORD_CHARS` unless told. */
  maxChars?: number;
}

/** A place on a path. */
interface Station {
  keys: Map<string, Station>;
  element: Station | undefined;
  path: string | undefined;
}

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
  /** In a comment before a document, until the line's end. */
  | "comment"
  /** In a broken line, until its end. */
  | "broken";

const SPACE = /[ \t\r\n]/;
const STRUCTURE = /["{}[\]]/g;
const STRUCTURE_OR_LINE = /["{}[\]\n]/g;
const STRING_STOP = /["\\]/g;
const STRING_STOP_OR_LINE = /["\\\n]/g;
const SCALAR_END = /[,\]}\s]/g;

function find(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  const match = pattern.exec(text);
  return match === null ? -1 : match.index;
}

function stations(paths: readonly string[]): Station {
  const station = (): Station => ({ keys: new Map(), element: undefined, path: undefined });
  const root = station();
  for (const path of paths) {
    let at = root;
    for (const [step] of path.matchAll(/\[\]|[^.[\]]+/g)) {
      if (step === "[]") at = at.element ??= station();
      else {
        const next = at.keys.get(step) ?? station();
        at.keys.set(step, next);
        at = next;
      }
    }
    at.path = path;
  }
  return root;
}

export class JsonWalker {
  /** What is wrong with the text; set once, and nothing is read behind it. With `lines`, only by `end`. */
  fault: WalkFault | undefined;
  /** Of this push, in the order of the text. */
  #found: (FoundText | BrokenLine)[] = [];
  /** The last of all broken lines. */
  #brokenLine: WalkFault | undefined;
  readonly #lines: boolean;
  readonly #maxChars: number;
  readonly #root: Station;
  #place: Place = "document";
  /** The open containers that lie on a path, the innermost last. */
  #open: { object: boolean; station: Station }[] = [];
  /** Where the value that comes next stands; undefined: off all paths. */
  #station: Station | undefined;
  #line = 1;
  #countedTo = 0;

  /** The value being passed over or held: open brackets, or a string or scalar at depth 0. */
  #value: "composite" | "string" | "scalar" | "key" | undefined;
  #depth = 0;
  #inString = false;
  #escaped = false;

  /** The value being held is found on this path. */
  #heldPath: string | undefined;
  #heldLine = 0;
  #heldParts: string[] = [];
  #heldChars = 0;
  #heldFrom = 0;
  #keyParts: string[] = [];
  #keyFrom = 0;

  constructor({ paths, lines, maxChars = MAX_RECORD_CHARS }: WalkerOptions) {
    this.#root = stations(paths);
    this.#lines = lines;
    this.#maxChars = maxChars;
  }

  push(chunk: string): (FoundText | BrokenLine)[] {
    this.#found = [];
    this.#countedTo = 0;
    this.#heldFrom = 0;
    this.#keyFrom = 0;
    let index = 0;
    while (index < chunk.length && this.fault === undefined) {
      index = this.#value === undefined ? this.#step(chunk, index) : this.#pass(chunk, index);
    }
    this.#countLines(chunk, chunk.length);
    if (this.#heldPath !== undefined) this.#hold(chunk.slice(this.#heldFrom));
    if (this.#value === "key") this.#keyParts.push(chunk.slice(this.#keyFrom));
    return this.#found;
  }

  /** To be called when the text is at its end; sets `fault` where the document is not. */
  end(): void {
    if (this.fault !== undefined || this.#place === "comment") return;
    if (this.#place === "broken") {
      // All of the text was one line: there is nothing behind it that could be read all the same.
      if (this.#line === 1) this.fault = this.#brokenLine;
      return;
    }
    if (this.#place === "document" && this.#value === undefined) return;
    this.fault = { line: this.#line, message: "the JSON ends in the middle: the file is cut off" };
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
    const fault = { line: this.#line, message };
    if (!this.#lines) {
      this.fault = fault;
      return chunk.length;
    }
    this.#found.push({ path: undefined, ...fault });
    this.#brokenLine = fault;
    this.#open = [];
    this.#escaped = false;
    this.#value = undefined;
    this.#inString = false;
    this.#heldPath = undefined;
    this.#heldParts = [];
    this.#place = "broken";
    return index;
  }

  #hold(part: string): void {
    this.#heldChars += part.length;
    if (this.#heldChars > this.#maxChars) this.#heldParts = [];
    else this.#heldParts.push(part);
  }

  /** Enters a value: descends into it where a path leads on, holds it where a path ends, else passes over it. */
  #startValue(chunk: string, index: number): number {
    const character = chunk.charAt(index);
    const station = this.#station;
    if (station !== undefined && station.path === undefined) {
      if (character === "{" && station.keys.size > 0) return this.#descend(true, station, index);
      if (character === "[" && station.element !== undefined) return this.#descend(false, station, index);
    }
    if (station?.path !== undefined) {
      this.#countLines(chunk, index);
      this.#heldPath = station.path;
      this.#heldLine = this.#line;
      this.#heldFrom = index;
      this.#heldParts = [];
      this.#heldChars = 0;
    }
    this.#depth = 0;
    this.#inString = false;
    if (character === "{" || character === "[") this.#value = "composite";
    else if (character === '"') this.#value = "string";
    else this.#value = "scalar";
    return index;
  }

  #descend(object: boolean, station: Station, index: number): number {
    this.#open.push({ object, station });
    this.#place = object ? "first-key" : "first-element";
    return index + 1;
  }

  /** Behind a value: what comes next depends on what is open. */
  #afterValue(): void {
    const innermost = this.#open.at(-1);
    this.#place = innermost === undefined ? "document" : innermost.object ? "after-member" : "after-element";
  }

  #close(index: number): number {
    this.#open.pop();
    this.#afterValue();
    return index + 1;
  }

  /** Between values: one character, answered by the index to go on at. */
  #step(chunk: string, index: number): number {
    const character = chunk.charAt(index);
    if (this.#place === "broken" || this.#place === "comment") {
      const end = chunk.indexOf("\n", index);
      if (end === -1) return chunk.length;
      this.#place = "document";
      return end + 1;
    }
    if (SPACE.test(character)) {
      if (character === "\n" && this.#lines && this.#place !== "document") {
        return this.#fail(chunk, index, "the line is not complete JSON");
      }
      return index + 1;
    }
    switch (this.#place) {
      case "document":
        // RFC 7464 puts a record separator before each document of a sequence.
        if (character === "\u001e") return index + 1;
        if (character === "/") {
          this.#place = "comment";
          return index;
        }
        if (character !== "{" && character !== "[") {
          return this.#fail(chunk, index, "neither a JSON object nor a JSON array starts here");
        }
        this.#station = this.#root;
        return this.#startValue(chunk, index);
      case "first-element":
      case "element":
        if (character === "]" && this.#place === "first-element") return this.#close(index);
        if (character === "," || character === "]" || character === "}") {
          return this.#fail(chunk, index, `a value is missing before ${JSON.stringify(character)}`);
        }
        this.#station = this.#open.at(-1)?.station.element;
        return this.#startValue(chunk, index);
      case "after-element":
        if (character === "]") return this.#close(index);
        if (character !== ",") return this.#fail(chunk, index, `"," or "]" is missing between elements`);
        this.#place = "element";
        return index + 1;
      case "first-key":
      case "key":
        if (character === "}" && this.#place === "first-key") return this.#close(index);
        if (character !== '"') return this.#fail(chunk, index, "a key in quotes is missing");
        this.#value = "key";
        this.#depth = 0;
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
        return this.#startValue(chunk, index);
      case "after-member":
        if (character === "}") return this.#close(index);
        if (character !== ",") return this.#fail(chunk, index, `"," or "}" is missing behind a value`);
        this.#place = "key";
        return index + 1;
      default:
        return this.#place satisfies never;
    }
  }

  /** Inside a value or key: as far as it goes, answered by the index to go on at. */
  #pass(chunk: string, index: number): number {
    if (this.#value === "scalar") {
      const end = find(SCALAR_END, chunk, index);
      return end === -1 ? chunk.length : this.#endValue(chunk, end);
    }
    let at = index;
    if (this.#escaped) {
      this.#escaped = false;
      at = this.#behindEscaped(chunk, at);
    }
    while (at < chunk.length) {
      const stop = find(this.#stops(), chunk, at);
      if (stop === -1) return chunk.length;
      const character = chunk.charAt(stop);
      at = stop + 1;
      if (character === "\n") return this.#fail(chunk, stop, "the line is not complete JSON");
      if (this.#inString) {
        if (character === "\\") {
          if (at >= chunk.length) this.#escaped = true;
          at = this.#behindEscaped(chunk, at);
          continue;
        }
        this.#inString = false;
        if (this.#depth === 0) return this.#endValue(chunk, at);
      } else if (character === '"') this.#inString = true;
      else if (character === "{" || character === "[") this.#depth += 1;
      else {
        this.#depth -= 1;
        if (this.#depth === 0) return this.#endValue(chunk, at);
      }
    }
    return chunk.length;
  }

  /** No backslash makes a line end part of a line. */
  #behindEscaped(chunk: string, at: number): number {
    return this.#lines && chunk.charAt(at) === "\n" ? at : at + 1;
  }

  #stops(): RegExp {
    if (this.#inString) return this.#lines ? STRING_STOP_OR_LINE : STRING_STOP;
    return this.#lines ? STRUCTURE_OR_LINE : STRUCTURE;
  }

  #endValue(chunk: string, end: number): number {
    const value = this.#value;
    this.#value = undefined;
    if (value === "key") {
      this.#keyParts.push(chunk.slice(this.#keyFrom, end));
      const key = this.#keyParts.join("").slice(1, -1);
      this.#keyParts = [];
      this.#station = this.#open.at(-1)?.station.keys.get(key);
      this.#place = "colon";
      return end;
    }
    if (this.#heldPath !== undefined) {
      this.#hold(chunk.slice(this.#heldFrom, end));
      const text = this.#heldChars > this.#maxChars ? undefined : this.#heldParts.join("");
      this.#found.push({ path: this.#heldPath, line: this.#heldLine, text });
      this.#heldPath = undefined;
      this.#heldParts = [];
    }
    this.#afterValue();
    return end;
  }
}
