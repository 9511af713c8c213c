/** NDJSON (JSON Lines): one object a line, in any mix of line ends, blank lines allowed. */
import { holdsTrace } from "../object-fields.ts";
import { excerpt, MAX_RECORD_CHARS, type RecordFormat, type SourceRecord } from "../record.ts";
import { problem, tooLong } from "../row-problems.ts";
import { holdsArrayOfObjects, parseJsonObject } from "./json-object.ts";
import { beginsRecord } from "./json.ts";

interface Line {
  number: number;
  /** Undefined: longer than `MAX_RECORD_CHARS`. */
  text: string | undefined;
  /** Whether a line end follows; only the last line can lack it. */
  ended: boolean;
}

/** Cuts text into lines at `\n` (a `\r` before it stays, and is white space to JSON). Holds at most one line. */
class LineCutter {
  #number = 1;
  #parts: string[] = [];
  #chars = 0;

  #take(ended: boolean): Line {
    const text = this.#chars > MAX_RECORD_CHARS ? undefined : this.#parts.join("");
    const line = { number: this.#number, text, ended };
    this.#number += 1;
    this.#parts = [];
    this.#chars = 0;
    return line;
  }

  #hold(part: string): void {
    this.#chars += part.length;
    if (this.#chars > MAX_RECORD_CHARS) this.#parts = [];
    else if (part !== "") this.#parts.push(part);
  }

  push(chunk: string): Line[] {
    const lines: Line[] = [];
    let from = 0;
    for (let end = chunk.indexOf("\n"); end !== -1; end = chunk.indexOf("\n", from)) {
      this.#hold(chunk.slice(from, end));
      lines.push(this.#take(true));
      from = end + 1;
    }
    this.#hold(chunk.slice(from));
    return lines;
  }

  end(): Line[] {
    return this.#chars > 0 ? [this.#take(false)] : [];
  }
}

function* lineRecords(lines: readonly Line[]): Generator<SourceRecord> {
  for (const { number: line, text, ended } of lines) {
    if (text === undefined) {
      yield { kind: "broken", line, problem: tooLong() };
    } else if (text.trim() !== "") {
      const record = parseJsonObject(text, line);
      const cutOff = !ended && record.kind === "broken" && record.problem.code === "invalid_json";
      yield cutOff
        ? {
            kind: "broken",
            line,
            problem: problem(
              "invalid_json",
              `the last line is not complete JSON, it may be cut off: ${excerpt(text)}`,
            ),
          }
        : record;
    }
  }
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
    const cutter = new LineCutter();
    for await (const chunk of text) {
      const records = [...lineRecords(cutter.push(chunk))];
      if (records.length > 0) yield records;
    }
    yield [...lineRecords(cutter.end())];
  },
};
