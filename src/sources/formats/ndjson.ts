/** NDJSON (JSON Lines): one object a line, in any mix of line ends, blank lines allowed. */
import { holdsTrace } from "../object-fields.ts";
import {
  excerpt,
  MAX_RECORD_CHARS,
  type RecordFormat,
  type RowProblem,
  type SourceRecord,
} from "../record.ts";
import { problem, tooLong } from "../row-problems.ts";
import { holdsArrayOfObjects, parseJsonObject } from "./json-object.ts";
import { beginsRecord } from "./json.ts";

/**
 * Cuts text into lines at `\n` (a `\r` before it stays, and is white space to JSON) and reads each as a record. Holds at
 * most one line.
 */
class LineReader {
  #number = 1;
  /** Of the line that has not ended yet; nothing once it is longer than `MAX_RECORD_CHARS`. */
  #held = "";
  #heldChars = 0;

  push(chunk: string): SourceRecord[] {
    const records: SourceRecord[] = [];
    let from = 0;
    for (let end = chunk.indexOf("\n"); end !== -1; end = chunk.indexOf("\n", from)) {
      const part = chunk.slice(from, end);
      this.#read(this.#heldChars === 0 ? this.#bounded(part) : this.#hold(part), true, records);
      this.#held = "";
      this.#heldChars = 0;
      from = end + 1;
    }
    if (from < chunk.length) this.#hold(chunk.slice(from));
    return records;
  }

  end(): SourceRecord[] {
    const records: SourceRecord[] = [];
    if (this.#heldChars > 0) this.#read(this.#bounded(this.#held), false, records);
    return records;
  }

  #bounded(text: string): string | undefined {
    return Math.max(text.length, this.#heldChars) > MAX_RECORD_CHARS ? undefined : text;
  }

  /** What is held then; undefined where that is too long. */
  #hold(part: string): string | undefined {
    this.#heldChars += part.length;
    this.#held = this.#heldChars > MAX_RECORD_CHARS ? "" : this.#held + part;
    return this.#bounded(this.#held);
  }

  /** `ended`: whether a line end follows; only the last line can lack it. */
  #read(text: string | undefined, ended: boolean, records: SourceRecord[]): void {
    const line = this.#number;
    this.#number += 1;
    if (text === undefined) {
      records.push({ kind: "broken", line, problem: tooLong() });
      return;
    }
    if (!text.startsWith("{") && text.trim() === "") return;
    const record = parseJsonObject(text, line);
    const cutOff = !ended && record.kind === "broken" && record.problem.code === "invalid_json";
    records.push(cutOff ? { kind: "broken", line, problem: cutOffLine(text) } : record);
  }
}

function cutOffLine(text: string): RowProblem {
  return problem("invalid_json", `the last line is not complete JSON, it may be cut off: ${excerpt(text)}`);
}

/** Whether the line is an object around an array of records rather than a record. */
function isWrapper(line: string): boolean {
  const record = parseJsonObject(line, 1);
  return record.kind === "object" && !holdsTrace(record.value) && holdsArrayOfObjects(record.value);
}

function isObjectLine(line: string): boolean {
  return parseJsonObject(line, 1).kind === "object";
}

export const ndjsonFormat: RecordFormat = {
  name: "ndjson",
  title: "NDJSON",
  spans: false,

  matches({ text: head, whole }) {
    if (!head.trimStart().startsWith("{")) return false;
    const lines = head.split("\n");
    const last = whole ? "" : (lines.pop() ?? "");
    const [first, second] = lines.filter((line) => line.trim() !== "");
    if (first === undefined) return beginsRecord(last);
    if (isObjectLine(first)) return !isWrapper(first);
    // A first line that is broken, followed by a good one, is no reason to take the rest for one document.
    return !/[[{,:]\s*$/.test(first) && second !== undefined && isObjectLine(second);
  },

  reason: () => "its first line is a JSON object, and no export that is known",

  async *records(text) {
    const reader = new LineReader();
    for await (const chunk of text) {
      const records = reader.push(chunk);
      if (records.length > 0) yield records;
    }
    yield reader.end();
  },
};
